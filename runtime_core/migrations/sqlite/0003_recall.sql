-- Recall among very many: a vector's signs, a bit a number, say about where it points, and are read thirty times as fast.

-- Nothing where the numbers do not fill whole bytes. Written beside the vector, not generated from it: so any program
-- can check the file and write to it, without the extension that makes them.
ALTER TABLE embeddings ADD COLUMN signs BLOB;
UPDATE embeddings SET signs = vec_quantize_binary(vector) WHERE dimension % 8 = 0;

-- The index holds all that the first look at the vectors needs.
DROP INDEX embeddings_by_model;
CREATE INDEX embeddings_by_model ON embeddings (agent_id, model, dimension, signs);
