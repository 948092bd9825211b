//! The real AWS, behind the ports.
