//! A token's life, in a few calls. Run it beside `make dev`:
//!
//! ```sh
//! PATWARDEN_KEY=$(cat .patwarden/service-key) cargo run --manifest-path clients/rust/Cargo.toml --example quickstart
//! ```

use std::env;
use std::error::Error;

use patwarden::Client;
use patwarden::pb::v1::{CreateTokenRequest, Grant, RevokeTokenRequest, Rule};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = env::var("PATWARDEN_ENDPOINT").unwrap_or("127.0.0.1:9081".into());
    let client = Client::builder(endpoint, env::var("PATWARDEN_KEY")?).plaintext().build()?;

    let viewing = Rule { actions: vec!["viewer".into()], resources: vec!["document:*".into()] };
    let request = CreateTokenRequest {
        subject: "user:alice".into(),
        name: "laptop".into(),
        grant: Some(Grant { full: false, rules: vec![viewing] }),
        ..Default::default()
    };
    let issued = client.create_token(request).await?;
    let token = issued.secret.ok_or("the secret of a new token")?;
    println!("made {token} for {}", issued.token.subject);

    for (document, action) in [("roadmap", "viewer"), ("payroll", "viewer"), ("roadmap", "editor")] {
        let decision = client.check(&token, format!("document:{document}"), action).await?;
        let verdict = if decision.allowed { "allowed" } else { "denied" };
        println!("{action} of {document}: {verdict}, {:?}", decision.reason);
    }

    let list = client.list_resources(&token, "document", "viewer").await?.into_list().await?;
    println!("may view {} documents", list.resources.len());

    client.tokens().revoke_token(RevokeTokenRequest { id: issued.token.id, ..Default::default() }).await?;
    let decision = client.check(&token, "document:roadmap", "viewer").await?;
    println!("revoked: allowed {}, {:?}", decision.allowed, decision.reason);
    Ok(())
}
