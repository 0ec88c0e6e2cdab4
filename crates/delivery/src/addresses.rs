//! Where requests of this gateway may go: addresses that others chose are checked before anything connects to them.
//!
//! Names are judged by the addresses that they resolve to, at the moment of connecting: a name can resolve to
//! something else every time. Redirects are the caller's to refuse or to check again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;

/// Is the address loopback, private, link-local, multicast or otherwise not public?
#[must_use]
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => private_v4(v4),
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(|| private_v6(v6), private_v4),
    }
}

fn private_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_broadcast()
        || v4.is_documentation()
        || v4.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (18..20).contains(&b))
        || (a, b, c) == (192, 0, 0)
        || is_metadata_v4(v4)
}

fn private_v6(v6: Ipv6Addr) -> bool {
    let part = v6.segments();
    v6.is_loopback()
        || v6.is_unspecified()
        || v6.is_multicast()
        || v6.is_unique_local()
        || v6.is_unicast_link_local()
        || part[0] & 0xffc0 == 0xfec0
        // 6to4, NAT64, Teredo, ISATAP and the old ways to write an IPv4 address carry one past the checks above.
        || part[0] == 0x2002
        || part[..2] == [0x64, 0xff9b]
        || (part[0] == 0x2001 && (part[1] == 0 || part[1] == 0xdb8))
        || is_isatap(part)
        || (part[..4] == [0; 4] && part[4..6] != [0, 0xffff])
        // Discard only.
        || part[..4] == [0x100, 0, 0, 0]
}

fn is_isatap(part: [u16; 8]) -> bool {
    part[4] & 0xfdff == 0 && part[5] == 0x5efe
}

/// Is it the address at which clouds hand their keys to whoever asks, or one beside it?
///
/// Sources: the documentation of AWS (169.254.169.254, 169.254.170.2, fd00:ec2::254, fd00:ec2::23), Google
/// (fd20:ce::254), Azure (168.63.129.16), Alibaba (100.100.100.200) and Oracle (192.0.0.192). All of link-local
/// counts: nobody runs a receiver there.
#[must_use]
pub fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_metadata_v4(v4),
        IpAddr::V6(v6) => embedded_v4(v6).map_or_else(|| is_metadata_v6(v6), is_metadata_v4),
    }
}

fn is_metadata_v4(v4: Ipv4Addr) -> bool {
    v4.is_link_local() || matches!(v4.octets(), [168, 63, 129, 16] | [100, 100, 100, 200] | [192, 0, 0, 192])
}

fn is_metadata_v6(v6: Ipv6Addr) -> bool {
    let part = v6.segments();
    v6.is_unicast_link_local() || part[..2] == [0xfd00, 0xec2] || part[..2] == [0xfd20, 0xce]
}

/// The IPv4 address that an IPv6 address leads to.
fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let part = v6.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    let mapped_or_translated = part[..4] == [0; 4] && matches!(part[4..6], [0, 0xffff] | [0xffff, 0]);
    let compatible = part[..6] == [0; 6] && !matches!(part[6..], [0, 0 | 1]);
    if mapped_or_translated || compatible || part[..2] == [0x64, 0xff9b] || is_isatap(part) {
        return Some(v4(part[6], part[7]));
    }
    match part {
        [0x2002, high, low, ..] => Some(v4(high, low)),
        // Teredo hides the client's address by turning every bit around.
        [0x2001, 0, .., high, low] => Some(v4(!high, !low)),
        _ => None,
    }
}

/// Which addresses may be connected to.
#[derive(Clone, Debug, Default)]
pub struct AddressPolicy {
    /// Loopback and private addresses too. Those of cloud metadata never.
    pub private: bool,
    /// Though private addresses are not allowed: these are.
    pub allowed: Vec<AllowedTarget>,
}

/// A target that is allowed by name or network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedTarget {
    /// A host name, whatever it resolves to.
    Host(String),
    /// Addresses.
    Network(IpNet),
}

impl std::str::FromStr for AllowedTarget {
    type Err = AllowedTargetError;

    fn from_str(text: &str) -> Result<Self, AllowedTargetError> {
        let bare = text.trim_matches(['[', ']']);
        if let Ok(network) = bare.parse::<IpNet>() {
            return Ok(Self::Network(network));
        }
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(Self::Network(IpNet::from(address)));
        }
        // As it would stand in an address, so that both are written alike.
        let parsed = Url::parse(&format!("http://{text}/")).map_err(|_| AllowedTargetError)?;
        let plain = !text.contains([':', '/', '@']);
        match parsed.host_str() {
            Some(host) if plain && host.parse::<IpAddr>().is_err() => Ok(Self::Host(bare_host(host))),
            _ => Err(AllowedTargetError),
        }
    }
}

/// The text is neither a host name nor an address nor a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("neither a host name nor an address nor a network such as 10.0.0.0/8")]
pub struct AllowedTargetError;

/// Why nothing connects to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RefusedAddress {
    /// It is where clouds keep keys for their machines.
    #[error("the address leads to the metadata service of a cloud, or is link-local; that is never allowed")]
    Metadata,
    /// It is loopback or private.
    #[error("the address is private or of this machine, which this gateway's settings do not allow")]
    Private,
}

impl AddressPolicy {
    /// Everything but the metadata of clouds.
    #[must_use]
    pub fn open() -> Self {
        Self { private: true, allowed: Vec::new() }
    }

    /// May `address`, to which `host` resolved, be connected to?
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, host: &str, address: IpAddr) -> Result<(), RefusedAddress> {
        if is_metadata(address) {
            return Err(RefusedAddress::Metadata);
        }
        if self.private || !is_private(address) {
            return Ok(());
        }
        let canonical = address.to_canonical();
        let allowed = self.allowed.iter().any(|target| match target {
            AllowedTarget::Host(name) => *name == bare_host(host),
            AllowedTarget::Network(network) => network.contains(&canonical),
        });
        if allowed { Ok(()) } else { Err(RefusedAddress::Private) }
    }

    /// Checks an address that is written in numbers, which no resolver is asked for.
    ///
    /// # Errors
    /// Why it is not allowed. Names pass here.
    pub fn check_url(&self, url: &Url) -> Result<(), RefusedAddress> {
        let Some(host) = url.host_str() else { return Ok(()) };
        match host.trim_matches(['[', ']']).parse() {
            Ok(address) => self.check(host, address),
            Err(_) => Ok(()),
        }
    }
}

fn bare_host(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// The system's resolver, whose answers are checked.
#[derive(Debug)]
pub struct CheckedResolver {
    /// What is allowed.
    pub policy: AddressPolicy,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.policy.clone();
        Box::pin(async move {
            let host = name.as_str();
            // Port 0: whoever connects puts the port in.
            let found = tokio::net::lookup_host((host, 0)).await?;
            let mut refused = None;
            let mut allowed: Vec<SocketAddr> = Vec::new();
            for address in found {
                match policy.check(host, address.ip()) {
                    Ok(()) => allowed.push(address),
                    Err(why) => refused = Some(why),
                }
            }
            match refused {
                Some(why) if allowed.is_empty() => Err(why.into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIVATE: [&str; 24] = [
        "127.0.0.1",
        "127.8.8.8",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "0.0.0.0",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:0:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::",
        "2001:0:1:2:3:4:80ff:fffe",
        "fe80::5efe:7f00:1",
        "2001:4860::200:5efe:7f00:1",
        "fd12::1",
        "fec0::1",
    ];

    const METADATA: [&str; 13] = [
        "169.254.169.254",
        "169.254.170.2",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "::ffff:0:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "2001:0:1:2:3:4:5601:5601",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fe80::a9fe:a9fe",
        "100.100.100.200",
        "168.63.129.16",
    ];

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn every_spelling_of_a_private_address_is_known() {
        for text in PRIVATE.into_iter().chain(METADATA) {
            assert!(is_private(address(text)), "{text}");
        }
        for text in ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8"] {
            assert!(!is_private(address(text)), "{text}");
        }
    }

    #[test]
    fn metadata_is_refused_whatever_is_allowed() {
        let allowed = vec!["169.254.0.0/16".parse().unwrap(), "metadata.google.internal".parse().unwrap()];
        for policy in [AddressPolicy::open(), AddressPolicy { private: false, allowed }] {
            for text in METADATA {
                let refused = policy.check("metadata.google.internal", address(text));
                assert_eq!(refused, Err(RefusedAddress::Metadata), "{text}");
            }
        }
        for text in PRIVATE {
            assert_eq!(AddressPolicy::open().check("n8n", address(text)), Ok(()), "{text}");
        }
    }

    #[test]
    fn confined_means_public_or_named() {
        let allowed = ["N8N", "10.1.0.0/16", "::1", "192.168.7.7"].map(|text| text.parse().unwrap()).to_vec();
        let policy = AddressPolicy { private: false, allowed };
        for (host, ip) in [
            ("n8n", "172.18.0.5"),
            ("n8n.", "172.18.0.5"),
            ("other", "10.1.2.3"),
            ("other", "::ffff:10.1.2.3"),
            ("::1", "::1"),
            ("192.168.7.7", "192.168.7.7"),
            ("example.org", "93.184.216.34"),
        ] {
            assert_eq!(policy.check(host, address(ip)), Ok(()), "{host} {ip}");
        }
        for (host, ip) in [("n8n.example.org", "172.18.0.5"), ("x", "10.2.0.1"), ("x", "127.0.0.1")] {
            assert_eq!(policy.check(host, address(ip)), Err(RefusedAddress::Private), "{host} {ip}");
        }
    }

    #[test]
    fn addresses_in_numbers_are_checked_however_they_are_written() {
        let policy = AddressPolicy::default();
        for url in [
            "http://127.0.0.1/",
            "http://127.1:8080/",
            "http://2130706433/",
            "http://0x7f.0.0.1/",
            "http://017700000001/",
            "http://[::1]:80/",
            "http://[::ffff:127.0.0.1]/",
            "http://user:pass@10.0.0.1/",
        ] {
            assert_eq!(policy.check_url(&Url::parse(url).unwrap()), Err(RefusedAddress::Private), "{url}");
        }
        assert_eq!(
            policy.check_url(&Url::parse("http://localhost/").unwrap()),
            Ok(()),
            "names are resolved later"
        );
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for text in ["", "a b", "10.0.0.0/99", "http://x", "x:80", "x/y", "user@x"] {
            assert_eq!(text.parse::<AllowedTarget>(), Err(AllowedTargetError), "{text}");
        }
    }

    #[tokio::test]
    async fn a_name_is_judged_by_what_it_resolves_to() {
        let resolve = async |policy: AddressPolicy| {
            let resolver = CheckedResolver { policy };
            resolver.resolve("localhost".parse().unwrap()).await.map(Iterator::count)
        };
        let refused = resolve(AddressPolicy::default()).await.err().unwrap();
        assert_eq!(refused.downcast_ref(), Some(&RefusedAddress::Private));
        assert!(resolve(AddressPolicy::open()).await.unwrap() > 0);
        let named = AddressPolicy { private: false, allowed: vec!["localhost".parse().unwrap()] };
        assert!(resolve(named).await.unwrap() > 0);
    }
}
