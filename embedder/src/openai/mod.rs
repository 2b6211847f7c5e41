//! Servers with the embeddings API of OpenAI (`POST …/embeddings`), such as OpenAI, Text Embeddings Inference, vLLM, Ollama and llama.cpp.

mod breaker;
mod client;
mod config;
mod response;
mod wire;

#[cfg(test)]
mod tests;

pub use client::OpenAi;
pub use config::{ApiKey, Config, Limits, Prefixes};
