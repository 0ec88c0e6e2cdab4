//! Curve25519 as Signal uses it: checks on keys and signatures. Nothing here signs.

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::montgomery::MontgomeryPoint;
use curve25519_dalek::scalar::Scalar;
use sha2::{Digest, Sha512};

/// The byte that stands before a public key in Signal's 33-byte spelling.
pub const KEY_TYPE: u8 = 0x05;

/// The X25519 public key of a private key.
pub fn public_of(private: &[u8; 32]) -> [u8; 32] {
    // The fixed-base table on the Edwards form is several times faster than the ladder.
    EdwardsPoint::mul_base_clamped(*private).to_montgomery().to_bytes()
}

/// Whether these bytes are a point of the curve, and not of its twist or one of the few small-order points.
///
/// Every honest public key is a multiple of the base point, so it lies on the curve; a flipped bit moves it
/// to the twist in half of all cases.
pub fn on_curve(public: &[u8; 32]) -> bool {
    MontgomeryPoint(*public).to_edwards(0).is_some_and(|point| !point.is_small_order())
}

/// Checks an XEdDSA signature (the scheme of libsignal's `verifySignature`) under an X25519 public key.
pub fn verify(public: &[u8; 32], message: &[&[u8]], signature: &[u8; 64]) -> bool {
    let sign = signature[63] >> 7;
    let Some(point) = MontgomeryPoint(*public).to_edwards(sign) else { return false };
    let mut r = [0; 32];
    let mut s = [0; 32];
    r.copy_from_slice(&signature[..32]);
    s.copy_from_slice(&signature[32..]);
    s[31] &= 0x7f;
    let Some(s) = Option::<Scalar>::from(Scalar::from_canonical_bytes(s)) else { return false };
    let mut hash = Sha512::new();
    hash.update(r);
    hash.update(point.compress().as_bytes());
    for part in message {
        hash.update(part);
    }
    let mut wide = [0; 64];
    wide.copy_from_slice(&hash.finalize());
    let challenge = Scalar::from_bytes_mod_order_wide(&wide);
    EdwardsPoint::vartime_double_scalar_mul_basepoint(&challenge, &-point, &s).compress()
        == CompressedEdwardsY(r)
}
