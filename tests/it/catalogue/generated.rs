//! Properties over generated inputs.
