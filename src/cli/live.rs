//! The demo's live view: a screen on a terminal, a line an event anywhere else.
//!
//! The demo's pacing loop owns a [`LiveModel`], tells it what happens, and calls [`LiveView::tick`]
//! as often as it likes; the answer is what the person at the keyboard wants.

mod draw;
mod model;
pub mod svg;
mod view;

pub use draw::draw;
pub use model::{EventLine, LiveModel, OpenRun, PriceLine};
pub use view::{LiveView, ViewInput};
