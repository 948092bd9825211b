//! The AWS adapters, against a server of our own on loopback that says exactly what the test wants,
//! and against moto.

mod connect;
mod inspect;
mod jobs;
mod moto;
mod places;
mod prices;
mod submit;
mod wire;
