//! Disks that are full.

use crate::checkout::Checkout;

/// A small disk of its own at a folder of the checkout.
pub struct Disk<'c> {
    checkout: &'c Checkout,
    folder: &'static str,
}

impl<'c> Disk<'c> {
    /// Mounts it.
    pub async fn mount(checkout: &'c Checkout, folder: &'static str, size: &str) -> Self {
        let mount = format!("mkdir {folder} && mount -t tmpfs -o size={size} tmpfs {folder}");
        checkout.shell(&mount).await.code(0);
        Self { checkout, folder }
    }

    /// Leaves no room at all.
    pub async fn fill(&self) {
        // It ends with an error: no space left on device.
        self.checkout.shell(&format!("head -c 1G /dev/zero > {}/filler.tmp", self.folder)).await;
    }

    /// Makes room again.
    pub async fn empty(&self) {
        self.checkout.shell(&format!("rm {}/filler.tmp", self.folder)).await.code(0);
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let path = self.checkout.folder().join(self.folder);
        // Containers hold it in mount namespaces of their own.
        let _ = std::process::Command::new("umount").arg("--lazy").arg(path).status();
    }
}
