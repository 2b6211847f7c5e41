"""Collections, aliases and indexes."""

import grpc
from qdrant_client import models
from tests.refusal import refused
from tests.server import ServerTest


class Collections(ServerTest):
    def test_a_collection_is_described_as_it_was_created(self):
        name = self.hybrid(hnsw_config=models.HnswConfigDiff(m=0, payload_m=16), metadata={"owner": "acme", "depth": {"n": [1, True, None]}})
        info = self.client.get_collection(name)
        self.assertEqual(info.config.params.vectors["dense"].size, 4)
        self.assertEqual(info.config.params.vectors["dense"].distance, models.Distance.COSINE)
        self.assertEqual(info.config.params.sparse_vectors["bm25"].modifier, models.Modifier.IDF)
        self.assertEqual((info.config.hnsw_config.m, info.config.hnsw_config.payload_m, info.config.hnsw_config.ef_construct), (0, 16, 100))
        self.assertEqual(info.config.metadata, {"owner": "acme", "depth": {"n": [1, True, None]}})
        self.assertEqual(info.points_count, 0)

    def test_a_collection_exists_from_its_creation_to_its_deletion(self):
        name = self.name()
        self.assertFalse(self.client.collection_exists(name))
        self.client.create_collection(name, models.VectorParams(size=2, distance=models.Distance.DOT))
        self.assertTrue(self.client.collection_exists(name))
        self.assertIn(name, [it.name for it in self.client.get_collections().collections])
        self.assertTrue(self.client.delete_collection(name))
        self.assertFalse(self.client.collection_exists(name))
        self.assertFalse(self.client.delete_collection(name))

    def test_a_name_is_used_once(self):
        name = self.hybrid()
        with refused(self, grpc.StatusCode.ALREADY_EXISTS, f"Collection `{name}` already exists!"):
            self.client.create_collection(name, models.VectorParams(size=2, distance=models.Distance.DOT))

    def test_a_collection_that_does_not_exist_is_not_found(self):
        name = self.name()
        for call in (
            lambda: self.client.get_collection(name),
            lambda: self.client.count(name),
            lambda: self.client.scroll(name),
            lambda: self.client.delete(name, [1]),
            lambda: self.client.create_payload_index(name, "tenant", models.PayloadSchemaType.KEYWORD),
            lambda: self.client.update_collection(name, metadata={"a": 1}),
        ):
            with refused(self, grpc.StatusCode.NOT_FOUND, f"Not found: Collection `{name}` doesn't exist!"):
                call()

    def test_invalid_definitions_are_refused(self):
        dense = models.VectorParams(size=2, distance=models.Distance.DOT)
        for name, options in (
            ("a/b", {"vectors_config": dense}),
            ("a" * 256, {"vectors_config": dense}),
            (self.name(), {"vectors_config": models.VectorParams(size=0, distance=models.Distance.DOT)}),
            (self.name(), {"vectors_config": {"same": dense}, "sparse_vectors_config": {"same": models.SparseVectorParams()}}),
        ):
            with refused(self, grpc.StatusCode.INVALID_ARGUMENT, ""):
                self.client.create_collection(name, **options)
            self.assertNotIn(name, [it.name for it in self.client.get_collections().collections])

    def test_metadata_is_merged_and_null_removes_a_key(self):
        name = self.hybrid(metadata={"owner": "acme", "generation": 1})
        self.client.update_collection(name, metadata={"generation": 2, "owner": None})
        self.assertEqual(self.client.get_collection(name).config.metadata, {"generation": 2})

    def test_parameters_are_changed_without_the_others(self):
        name = self.hybrid(hnsw_config=models.HnswConfigDiff(m=0, payload_m=8))
        self.client.update_collection(name, hnsw_config=models.HnswConfigDiff(payload_m=16))
        hnsw = self.client.get_collection(name).config.hnsw_config
        self.assertEqual((hnsw.m, hnsw.payload_m), (0, 16))

    def test_an_index_of_tenants_is_described_and_deleted(self):
        name = self.indexed()
        schema = self.client.get_collection(name).payload_schema["tenant"]
        self.assertEqual((schema.data_type, schema.params.is_tenant), (models.PayloadSchemaType.KEYWORD, True))
        self.client.delete_payload_index(name, "tenant")
        self.assertEqual(self.client.get_collection(name).payload_schema, {})

    def test_creating_an_index_again_changes_nothing(self):
        name = self.indexed()
        schema = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
        self.client.create_payload_index(name, "tenant", schema)
        self.assertEqual(list(self.client.get_collection(name).payload_schema), ["tenant"])


class Aliases(ServerTest):
    def create_alias(self, collection: str, alias: str) -> models.CreateAliasOperation:
        return models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name=collection, alias_name=alias))

    def delete_alias(self, alias: str) -> models.DeleteAliasOperation:
        return models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias))

    def test_an_alias_is_a_name_of_its_collection(self):
        name, alias = self.hybrid(), self.name()
        self.client.update_collection_aliases([self.create_alias(name, alias)])
        self.assertTrue(self.client.collection_exists(alias))
        self.assertEqual(self.client.count(alias).count, 0)
        self.assertNotIn(alias, [it.name for it in self.client.get_collections().collections])
        self.assertEqual([it.alias_name for it in self.client.get_collection_aliases(name).aliases], [alias])

    def test_an_alias_moves_in_one_step(self):
        old, new, alias = self.hybrid(), self.hybrid(), self.name()
        self.client.update_collection_aliases([self.create_alias(old, alias)])
        self.client.update_collection_aliases([self.delete_alias(alias), self.create_alias(new, alias)])
        aliases = {it.alias_name: it.collection_name for it in self.client.get_aliases().aliases}
        self.assertEqual(aliases[alias], new)

    def test_an_alias_of_a_missing_collection_is_refused(self):
        missing, alias = self.name(), self.name()
        with refused(self, grpc.StatusCode.NOT_FOUND, f"Collection `{missing}` doesn't exist!"):
            self.client.update_collection_aliases([self.create_alias(missing, alias)])

    def test_the_name_of_a_collection_is_no_alias(self):
        name, other = self.hybrid(), self.hybrid()
        with refused(self, grpc.StatusCode.ALREADY_EXISTS, f"Collection `{other}` already exists!"):
            self.client.update_collection_aliases([self.create_alias(name, other)])

    def test_aliases_end_with_their_collection(self):
        name, alias = self.hybrid(), self.name()
        self.client.update_collection_aliases([self.create_alias(name, alias)])
        self.client.delete_collection(name)
        self.assertFalse(self.client.collection_exists(alias))
        self.assertNotIn(alias, [it.alias_name for it in self.client.get_aliases().aliases])

    def test_a_collection_is_not_deleted_by_its_alias(self):
        name, alias = self.hybrid(), self.name()
        self.client.update_collection_aliases([self.create_alias(name, alias)])
        self.client.delete_collection(alias)
        self.assertTrue(self.client.collection_exists(name))
