//! The session as a client sees it: scripts, and inputs cut and made up at random.

mod alone;
mod describe;
mod fake_broker;
mod fake_log;
mod limits;
mod random_input;
mod script;
