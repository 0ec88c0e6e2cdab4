//! What a disk does to a gateway: nothing is lost, nothing is acknowledged that is not stored.

mod full;
mod gone;
mod matrix;
mod power;
mod unstored;
