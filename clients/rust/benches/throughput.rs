//! Decisions a second at 64 checks at a time, with and without coalescing:
//!
//! ```sh
//! npx tsx test/clients/run.ts --keep   # prints FILE
//! PATWARDEN_CLIENT_TESTS=FILE cargo bench --manifest-path clients/rust/Cargo.toml
//! ```

use std::env;
use std::error::Error;
use std::time::{Duration, Instant};

use patwarden::Client;
use serde_json::Value;

const AT_A_TIME: usize = 64;
const WARM_UP: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(5);
const ROUNDS: usize = 2;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let environment: Value = serde_json::from_slice(&std::fs::read(env::var("PATWARDEN_CLIENT_TESTS")?)?)?;
    let text = |path: &str| environment.pointer(path).and_then(Value::as_str).map(str::to_owned).ok_or("no such entry");
    let (endpoint, key, token) = (text("/endpoint")?, text("/keys/checker")?, text("/tokens/alice/secret")?);

    // In turn, so that what else the machine does meets both.
    for _ in 0..ROUNDS {
        for coalescing in [true, false] {
            let client = Client::builder(&endpoint, &key)
                .plaintext()
                .decision_timeout(Duration::from_secs(10))
                .coalescing(coalescing)
                .build()?;
            load(&client, &token, WARM_UP).await?;
            let rate = load(&client, &token, MEASURED).await?;
            println!("coalescing {}: {rate:.0} decisions/s", if coalescing { "on " } else { "off" });
        }
    }
    Ok(())
}

/// Decisions a second.
async fn load(client: &Client, token: &str, duration: Duration) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    let tasks: Vec<_> = (0..AT_A_TIME)
        .map(|task| {
            let (client, token) = (client.clone(), token.to_owned());
            tokio::spawn(async move {
                let document = if task % 2 == 0 { "document:roadmap" } else { "document:payroll" };
                let mut decisions = 0_u32;
                while start.elapsed() < duration {
                    client.check(&token, document, "viewer").await?;
                    decisions += 1;
                }
                Ok::<_, patwarden::Error>(decisions)
            })
        })
        .collect();
    let mut decisions = 0;
    for task in tasks {
        decisions += task.await??;
    }
    Ok(f64::from(decisions) / start.elapsed().as_secs_f64())
}
