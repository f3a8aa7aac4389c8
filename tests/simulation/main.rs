//! The broker's own recovery on a simulated disk: every promise of `docs/durability.md` that a disk can break.

mod catalog;
mod crashes;
mod damage;
mod effort;
mod faults;
mod full;
mod judge;
mod message;
mod model;
mod script;
mod sequences;
mod wire;
mod world;
