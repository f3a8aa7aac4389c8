//! Changes by an operator, as clients feel them over a socket, and as they are after a restart.

mod connections;
mod limits;
mod permissions;
mod policies;
mod seen;
mod started;
mod users;
mod vhosts;
