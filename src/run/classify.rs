//! Interruption, failure or bad luck: what ended an attempt.
