//! Parts of the installed system are taken away and given back, while others go on.
//!
//! These scenarios disturb whatever runs beside them: they have a program of their own, and run one at a time.

mod api_server;
mod database;
mod mirrored;
mod operator;
mod product;
