//! Whether a path is on a mount of its own, told from the kernel's list of mounts.

use std::path::Path;

/// Whether a path lies on another mount than the root, given the text of `/proc/self/mountinfo`. In a container the
/// root is the container's own layer, which is lost when the container is made anew.
pub fn is_on_mount(mountinfo: &str, path: &Path) -> bool {
    let points = mountinfo.lines().filter_map(|line| line.split(' ').nth(4)).map(unescape);
    points.filter(|point| path.starts_with(point)).any(|point| point != "/")
}

/// Where a line of `/proc/PID/mountinfo` says that something is mounted that may be written to.
pub fn writable(line: &str) -> Option<String> {
    let mut fields = line.split(' ').skip(4);
    let (point, options) = (fields.next()?, fields.next()?);
    options.split(',').all(|option| option != "ro").then(|| unescape(point))
}

/// The kernel writes blanks and backslashes of paths in octal.
fn unescape(point: &str) -> String {
    [(r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", r"\")]
        .iter()
        .fold(point.to_owned(), |point, (octal, plain)| point.replace(octal, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_alone_is_no_mount() {
        let mounts = "1 0 0:50 / / rw - overlay overlay rw\n\
                      2 1 254:1 /data /app/auth_info rw,relatime - ext4 /dev/vda rw\n\
                      3 1 254:1 /x /my\\040data rw - ext4 /dev/vda rw\n";
        for (path, expected) in [
            ("/app/auth_info", true),
            ("/app/auth_info/default", true),
            ("/app/auth_info2", false),
            ("/app", false),
            ("/my data/auth", true),
        ] {
            assert_eq!(is_on_mount(mounts, Path::new(path)), expected, "{path}");
        }
        let line = |options| format!(r"3 1 254:1 /x /my\040data {options},relatime - ext4 /dev/vda rw");
        assert_eq!(writable(&line("rw")).as_deref(), Some("/my data"));
        assert_eq!(writable(&line("ro")), None);
    }
}
