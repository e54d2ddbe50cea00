//! The differential over the Human Phenotype Ontology.

#[cfg(test)]
mod cases;
