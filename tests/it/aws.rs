//! The AWS adapters, against a server of our own on loopback that says exactly what the test wants,
//! and against moto.

mod answers;
mod moto;
mod prices;
mod submit;
mod wire;
