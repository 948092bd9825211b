//! The catalogue from outside: files in, a catalogue or a complete report out.

mod configs;
mod fixtures;
mod generated;
mod hostile;
mod settings;
mod sharing;
mod spot_advisor;
mod tokens;
