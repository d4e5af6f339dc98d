//! An axum server whose documents are guarded. Run it beside `make dev`, and ask it with a token:
//!
//! ```sh
//! PATWARDEN_KEY=$(cat .patwarden/service-key) \
//!   cargo run --manifest-path clients/rust/Cargo.toml --features tower --example axum
//! curl -H "authorization: Bearer $TOKEN" http://127.0.0.1:3000/documents/roadmap
//! ```

use std::env;
use std::error::Error;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Path};
use axum::routing::get;
use axum::{Extension, Router};
use patwarden::{Client, Decision, Guard, Route};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = env::var("PATWARDEN_ENDPOINT").unwrap_or("127.0.0.1:9081".into());
    let client = Client::builder(endpoint, env::var("PATWARDEN_KEY")?).plaintext().build()?;

    let guard = Guard::new(client)
        .realm("documents")
        .client_ip(|request| Some(request.extensions.get::<ConnectInfo<SocketAddr>>()?.ip()));
    let app = Router::new().route("/documents/{id}", get(show)).route_layer(guard.layer(|request| {
        let id = request.uri.path().strip_prefix("/documents/")?;
        Some(Route::new(format!("document:{id}"), "viewer"))
    }));

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

async fn show(Path(id): Path<String>, Extension(bearer): Extension<Decision>) -> String {
    format!("{id}, shown to {}\n", bearer.subject.unwrap_or_default())
}
