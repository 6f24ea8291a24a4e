//! Creates an empty database of the newest schema, to check queries against: `cargo xtask sqlx`.

use std::error::Error;
use std::ffi::OsString;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let path: OsString = std::env::args_os()
        .nth(1)
        .ok_or("name the file to make a database of")?;
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .connect()
        .await?;
    ah_store_sqlite_schema::migrate(&mut connection).await?;
    connection.close().await?;
    Ok(())
}
