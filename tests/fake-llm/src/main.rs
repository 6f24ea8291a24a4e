//! The scripted model for manual use: prints its address, then every request.

use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use fake_llm::{FakeLlm, builtin_scripts};

/// A language model on loopback that follows the script named by a marker in the prompt
#[derive(Parser)]
#[command(name = "fake-llm", about)]
struct Arguments {
    /// The port to listen on; 0 selects a free one
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
        "Scripts, selected by [[fake:NAME]] in a prompt: {}.",
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
