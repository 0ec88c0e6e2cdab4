//! Backup archives. With an even first byte the rest is a tar stream that is compressed before it is read: otherwise
//! hardly anything would get past the decompressor. With an odd one it is read as it is. Whatever an archive says, reading
//! it takes a bounded amount of memory: an allocation beyond that ends the run, as a crash does.
#![no_main]

use std::alloc::System;

use cap::Cap;
use wakeeper_doctor::backup::archive::read_stream;
use wakeeper_doctor::source::Limits;

/// What may be allocated while an archive is read, in bytes; the decompressor's 8 MB come on top.
const MEMORY: usize = 32 << 20;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else { return };
    let compressed;
    let archive = if kind % 2 == 0 {
        compressed = zstd::bulk::compress(rest, 1).expect("compressing memory does not fail");
        compressed.as_slice()
    } else {
        rest
    };
    let limits = Limits { entries: 1000, file: 1 << 20, ..Limits::default() };
    ALLOCATOR.set_limit(ALLOCATOR.allocated() + MEMORY).expect("a limit above what is allocated");
    let _ = read_stream(archive, None, &limits, |member| {
        let name = member.session_file().expect("a file of the session");
        assert!(!name.contains('/') && name != ".." && !name.is_empty(), "it leads out: {name}");
        assert_eq!(member.row.len, member.content.len() as u64);
        Ok(())
    });
    ALLOCATOR.set_limit(usize::MAX).expect("no limit");
});
