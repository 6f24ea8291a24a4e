//! The methods of the client, by resource: each one route of
//! [`ah_rest_api_contract::routes::ALL`], under its operation id.

mod catalog;
mod drafts;
mod events;
mod server;
mod sessions;
mod steering;
mod tasks;
