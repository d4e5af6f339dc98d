//! protoc plugin for the Rust client: prost and tonic as a plugin, so that buf drives them as it does the other
//! languages'.

use std::error::Error;
use std::fs;
use std::io::{self, Read, Write};

use prost::Message;
use prost_types::FileDescriptorSet;
use prost_types::compiler::code_generator_response::{Feature, File};
use prost_types::compiler::{CodeGeneratorRequest, CodeGeneratorResponse};

fn main() -> Result<(), Box<dyn Error>> {
    let mut input = Vec::new();
    io::stdin().read_to_end(&mut input)?;
    let response = generate(CodeGeneratorRequest::decode(input.as_slice())?)?;
    io::stdout().write_all(&response.encode_to_vec())?;
    Ok(())
}

fn generate(request: CodeGeneratorRequest) -> Result<CodeGeneratorResponse, Box<dyn Error>> {
    let out = tempfile::tempdir()?;
    tonic_prost_build::configure()
        .build_server(false)
        .build_transport(false) // the client owns the channel
        .emit_rerun_if_changed(false)
        .btree_map(".")
        .out_dir(out.path())
        .compile_fds(FileDescriptorSet {
            file: request.proto_file,
        })?;

    let mut file = Vec::new();
    for entry in fs::read_dir(out.path())? {
        let entry = entry?;
        file.push(File {
            name: Some(
                entry
                    .file_name()
                    .into_string()
                    .map_err(|name| format!("{name:?} is not UTF-8"))?,
            ),
            content: Some(fs::read_to_string(entry.path())?),
            ..File::default()
        });
    }
    file.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(CodeGeneratorResponse {
        file,
        supported_features: Some(Feature::Proto3Optional as u64),
        ..CodeGeneratorResponse::default()
    })
}
