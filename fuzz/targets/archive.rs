//! Backup archives. With an even first byte the rest is a tar stream that is compressed before it is read: otherwise
//! hardly anything would get past the decompressor. With an odd one it is read as it is.
#![no_main]

use wakeeper_session::backup::archive::read_stream;
use wakeeper_session::source::Limits;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else { return };
    let compressed;
    let archive = if kind % 2 == 0 {
        compressed = zstd::bulk::compress(rest, 1).expect("compressing memory does not fail");
        compressed.as_slice()
    } else {
        rest
    };
    let limits = Limits { entries: 1000, file: 1 << 20 };
    let _ = read_stream(archive, None, &limits, |member| {
        let name = member.session_file().or(member.store_file()).expect("one of the two");
        assert!(!name.contains('/') && name != ".." && !name.is_empty(), "it leads out: {name}");
        assert_eq!(member.row.len, member.content.len() as u64);
        Ok(())
    });
});
