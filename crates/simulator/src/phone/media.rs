//! Media as a phone encrypts it before the upload and opens it after the download.

use rand::{CryptoRng, RngExt};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wacore::crypto::hkdf_sha256_into;
use wacore::libsignal::crypto::{CryptographicMac, aes_256_cbc_decrypt_into, aes_256_cbc_encrypt_into};

/// Bytes of the HMAC that follow the ciphertext.
const MAC: usize = 10;
/// IV, cipher key, MAC key and reference key, as HKDF expands them.
const EXPANDED: usize = 112;

/// Media that cannot be encrypted or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MediaCryptoError {
    /// Keys cannot be derived from the media key.
    #[error("cannot derive the keys of a media file")]
    Keys,
    /// Encryption failed.
    #[error("cannot encrypt a media file")]
    Encrypt,
    /// The file is not the one that the message names.
    #[error("cannot open a media file: its {0} does not match the message")]
    Mismatch(&'static str),
}

/// What a media message carries. Voice notes are audio with a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A film.
    Video,
    /// Sound; also voice notes.
    Audio,
    /// Any file.
    Document,
    /// A sticker.
    Sticker,
}

impl MediaKind {
    /// What the keys are derived for.
    fn info(self) -> &'static [u8] {
        match self {
            Self::Image | Self::Sticker => b"WhatsApp Image Keys",
            Self::Video => b"WhatsApp Video Keys",
            Self::Audio => b"WhatsApp Audio Keys",
            Self::Document => b"WhatsApp Document Keys",
        }
    }

    /// The folder under which the media server keeps it.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Image | Self::Sticker => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Document => "document",
        }
    }
}

/// An encrypted file with what the message must say about it.
pub struct EncryptedMedia {
    /// What is uploaded: ciphertext and truncated MAC.
    pub file: Vec<u8>,
    /// Key from which the others are derived.
    pub media_key: [u8; 32],
    /// SHA-256 of the plain file.
    pub sha256: [u8; 32],
    /// SHA-256 of [`Self::file`].
    pub enc_sha256: [u8; 32],
}

/// Encrypts a file under a fresh media key.
pub fn encrypt<R: CryptoRng>(
    kind: MediaKind,
    data: &[u8],
    rng: &mut R,
) -> Result<EncryptedMedia, MediaCryptoError> {
    encrypt_for(kind.info(), data, rng)
}

/// Encrypts a part of a history under a fresh media key.
pub fn encrypt_history<R: CryptoRng>(data: &[u8], rng: &mut R) -> Result<EncryptedMedia, MediaCryptoError> {
    encrypt_for(b"WhatsApp History Keys", data, rng)
}

fn encrypt_for<R: CryptoRng>(
    info: &[u8],
    data: &[u8],
    rng: &mut R,
) -> Result<EncryptedMedia, MediaCryptoError> {
    let media_key: [u8; 32] = rng.random();
    let keys = expand(info, &media_key)?;
    let mut file = Vec::with_capacity(data.len() + 16 + MAC);
    aes_256_cbc_encrypt_into(data, &keys[16..48], &keys[..16], &mut file)
        .map_err(|_| MediaCryptoError::Encrypt)?;
    let mac = mac(&keys, &file)?;
    file.extend_from_slice(&mac[..MAC]);
    Ok(EncryptedMedia {
        media_key,
        sha256: Sha256::digest(data).into(),
        enc_sha256: Sha256::digest(&file).into(),
        file,
    })
}

/// Opens a file and checks it against the hashes in the message, as far as they are given.
pub fn decrypt(
    kind: MediaKind,
    media_key: &[u8],
    file: &[u8],
    enc_sha256: Option<&[u8]>,
    sha256: Option<&[u8]>,
) -> Result<Vec<u8>, MediaCryptoError> {
    if enc_sha256.is_some_and(|expected| expected != Sha256::digest(file).as_slice()) {
        return Err(MediaCryptoError::Mismatch("encrypted hash"));
    }
    let keys = expand(kind.info(), media_key)?;
    let (ciphertext, found) = file.split_at(file.len().saturating_sub(MAC));
    if mac(&keys, ciphertext)?[..MAC] != *found {
        return Err(MediaCryptoError::Mismatch("MAC"));
    }
    let mut data = Vec::with_capacity(ciphertext.len());
    aes_256_cbc_decrypt_into(ciphertext, &keys[16..48], &keys[..16], &mut data)
        .map_err(|_| MediaCryptoError::Mismatch("padding"))?;
    if sha256.is_some_and(|expected| expected != Sha256::digest(&data).as_slice()) {
        return Err(MediaCryptoError::Mismatch("hash"));
    }
    Ok(data)
}

fn expand(info: &[u8], media_key: &[u8]) -> Result<[u8; EXPANDED], MediaCryptoError> {
    let mut keys = [0; EXPANDED];
    hkdf_sha256_into(media_key, None, info, &mut keys).map_err(|_| MediaCryptoError::Keys)?;
    Ok(keys)
}

/// HMAC over IV and ciphertext.
fn mac(keys: &[u8; EXPANDED], ciphertext: &[u8]) -> Result<Vec<u8>, MediaCryptoError> {
    let mut mac = CryptographicMac::new("HmacSha256", &keys[48..80]).map_err(|_| MediaCryptoError::Keys)?;
    mac.update(&keys[..16]);
    mac.update(ciphertext);
    Ok(mac.finalize())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn files_of_any_length_come_back_and_changed_ones_do_not() {
        let mut rng = StdRng::seed_from_u64(1);
        for length in [0, 1, 15, 16, 17, 70_000] {
            let data: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            let made = encrypt(MediaKind::Image, &data, &mut rng).unwrap();
            let open = |file: &[u8]| {
                decrypt(MediaKind::Image, &made.media_key, file, Some(&made.enc_sha256), Some(&made.sha256))
            };
            assert_eq!(open(&made.file).unwrap(), data);
            let mut changed = made.file.clone();
            changed[0] ^= 1;
            assert_eq!(open(&changed), Err(MediaCryptoError::Mismatch("encrypted hash")));
            assert_eq!(
                decrypt(MediaKind::Image, &made.media_key, &changed, None, None),
                Err(MediaCryptoError::Mismatch("MAC"))
            );
            assert!(decrypt(MediaKind::Video, &made.media_key, &made.file, None, None).is_err());
        }
        assert!(decrypt(MediaKind::Image, &[0; 32], b"", None, None).is_err());
    }
}
