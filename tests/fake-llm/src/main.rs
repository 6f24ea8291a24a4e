//! The scripted model for use by hand: prints where it listens and then every request.

use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use fake_llm::{FakeLlm, builtin_scripts};

/// A language model on loopback that says what the marker in a prompt tells it to.
#[derive(Parser)]
#[command(name = "fake-llm", about)]
struct Arguments {
    /// The port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let llm = FakeLlm::listen(arguments.port)
        .with_context(|| format!("failed to listen on port {}", arguments.port))?;
    println!("{}", llm.url());
    let scripts: Vec<String> = builtin_scripts().into_keys().collect();
    eprintln!(
        "Say one of these in a prompt as [[fake:NAME]]: {}.",
        scripts.join(" ")
    );
    for number in 0.. {
        let over = |record: &fake_llm::Record| record.number == number && record.ending.is_some();
        let record = loop {
            if let Some(record) = llm.wait_for(Duration::from_secs(60), over) {
                break record;
            }
        };
        println!("{}", serde_json::to_string(&record)?);
    }
    Ok(())
}
