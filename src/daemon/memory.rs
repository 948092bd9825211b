//! Memory that is free again, given back to the system.

/// Gives back what the allocator keeps. glibc's returns by itself only what is free at the end of a heap,
/// and one string that lives there holds hundreds of megabytes below it: what a large catalogue was
/// read in. Nothing elsewhere: musl has no such call.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn give_back() {
    // SAFETY: it has no preconditions, any thread may call it (malloc_trim(3): MT-Safe), and what is in
    // use is not touched.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back() {}
