"""Searches."""

import grpc
from qdrant_client import models
from tests.refusal import refused
from tests.server import ServerTest, of_tenant, point

X, Y, NEAR_X = [1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.9, 0.1, 0.0, 0.0]


class Queries(ServerTest):
    def filled(self) -> str:
        name = self.indexed()
        self.client.upsert(
            name,
            [
                point(1, "acme", X, [1, 2], document="a"),
                point(2, "acme", NEAR_X, [2, 3], document="a"),
                point(3, "acme", Y, [3, 4], document="b"),
                point(4, "bolt", X, [1, 2], document="c"),
                point(5, "bolt", Y, [1, 9], document="d"),
            ],
        )
        return name

    def query(self, name: str, tenant: str = "acme", **options: object) -> list[int]:
        return [it.id for it in self.client.query_points(name, query_filter=of_tenant(tenant), **options).points]

    def test_the_nearest_come_first_and_only_those_of_the_filter(self):
        self.assertEqual(self.query(self.filled(), query=X, using="dense"), [1, 2, 3])

    def test_scores_are_similarities(self):
        found = self.client.query_points(self.filled(), query=X, using="dense", query_filter=of_tenant("acme"), with_payload=True).points
        self.assertAlmostEqual(found[0].score, 1.0, 5)
        self.assertAlmostEqual(found[2].score, 0.0, 5)
        self.assertEqual(found[0].payload, {"tenant": "acme", "document": "a"})

    def test_rare_words_count_more(self):
        name = self.filled()
        words = models.SparseVector(indices=[1, 9], values=[1.0, 1.0])
        self.assertEqual(self.query(name, "bolt", query=words, using="bm25"), [5, 4])
        self.assertEqual(self.query(name, query=words, using="bm25"), [1])

    def test_a_hybrid_query_fuses_ranks_and_keeps_to_the_filter(self):
        prefetch = [
            models.Prefetch(query=X, using="dense", limit=10),
            models.Prefetch(query=models.SparseVector(indices=[2, 3], values=[1.0, 1.0]), using="bm25", limit=10),
        ]
        found = self.query(self.filled(), prefetch=prefetch, query=models.FusionQuery(fusion=models.Fusion.RRF))
        self.assertEqual((sorted(found), found[2]), ([1, 2, 3], 3))

    def test_ranks_are_weighted(self):
        prefetch = [
            models.Prefetch(query=X, using="dense", limit=10),
            models.Prefetch(query=models.SparseVector(indices=[4], values=[1.0]), using="bm25", limit=10),
        ]
        fusion = models.RrfQuery(rrf=models.Rrf(k=2, weights=[0.01, 10.0]))
        self.assertEqual(self.query(self.filled(), prefetch=prefetch, query=fusion)[0], 3)

    def test_pages_and_thresholds(self):
        name = self.filled()
        self.assertEqual(self.query(name, query=X, using="dense", limit=1, offset=1), [2])
        self.assertEqual(self.query(name, query=X, using="dense", score_threshold=0.5), [1, 2])

    def test_a_batch_is_answered_in_its_order(self):
        requests = [models.QueryRequest(query=it, using="dense", limit=1, filter=of_tenant("acme")) for it in (Y, X)]
        answers = self.client.query_batch_points(self.filled(), requests)
        self.assertEqual([it.points[0].id for it in answers], [3, 1])

    def test_groups_contain_the_best_of_each_document(self):
        options = {"query": X, "using": "dense", "query_filter": of_tenant("acme"), "limit": 5, "group_size": 1}
        groups = self.client.query_points_groups(self.filled(), "document", **options).groups
        self.assertEqual([(it.id, [hit.id for hit in it.hits]) for it in groups], [("a", [1]), ("b", [3])])

    def test_malformed_queries_are_refused(self):
        name = self.filled()
        longer = models.SparseVector(indices=[1, 2], values=[1.0])
        for message, options in (
            ("Vector dimension error: expected dim: 4, got 2", {"query": [1.0, 0.0], "using": "dense"}),
            ("Not existing vector name error: other", {"query": X, "using": "other"}),
            ("must be the same length as indices", {"query": longer, "using": "bm25"}),
        ):
            with refused(self, grpc.StatusCode.INVALID_ARGUMENT, message):
                self.client.query_points(name, **options)


class StrictMode(ServerTest):
    def test_limits_of_the_strict_mode_are_enforced(self):
        limits = models.StrictModeConfig(
            enabled=True,
            max_query_limit=5,
            upsert_max_batchsize=2,
            unindexed_filtering_retrieve=False,
            unindexed_filtering_update=False,
            max_points_count=2,
        )
        name = self.hybrid(strict_mode_config=limits)
        other = models.Filter(must=[models.FieldCondition(key="other", match=models.MatchValue(value="x"))])
        self.client.upsert(name, [point(n, "acme", X, [1]) for n in (1, 2)])
        for message, call in (
            ('Limit exceeded 6 > 5 for "limit"', lambda: self.client.query_points(name, query=X, using="dense", limit=6)),
            ('Index required but not found for "other"', lambda: self.client.count(name, count_filter=other)),
            ('Index required but not found for "other"', lambda: self.client.delete(name, models.FilterSelector(filter=other))),
            ("Limit exceeded 3 > 2", lambda: self.client.upsert(name, [point(n, "acme", X, [1]) for n in (3, 4, 5)])),
        ):
            with refused(self, grpc.StatusCode.INVALID_ARGUMENT, message):
                call()

    def test_limits_are_changed(self):
        name = self.hybrid(strict_mode_config=models.StrictModeConfig(enabled=True, max_query_limit=5))
        self.client.update_collection(name, strict_mode_config=models.StrictModeConfig(max_query_limit=50))
        strict = self.client.get_collection(name).config.strict_mode_config
        self.assertEqual((strict.enabled, strict.max_query_limit), (True, 50))
        self.client.query_points(name, query=X, using="dense", limit=6)
