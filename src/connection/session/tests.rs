//! The session as a client sees it: scripts, and inputs cut and made up at random.

mod fake_broker;
mod random_input;
mod script;
