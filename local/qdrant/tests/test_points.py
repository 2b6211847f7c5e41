"""Writing, reading, counting and deleting points."""

import uuid

import grpc
from qdrant_client import grpc as pb
from qdrant_client import models
from tests.refusal import refused
from tests.server import ServerTest, of_tenant, point

X, Y = [1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]


class Points(ServerTest):
    def filled(self) -> str:
        name = self.indexed()
        self.client.upsert(name, [point(n, "acme" if n % 2 else "bolt", X, [n], n=n, even=n % 2 == 0) for n in range(1, 11)])
        return name

    def test_a_point_is_returned_as_it_was_written(self):
        name, number = self.hybrid(), str(uuid.uuid4())
        payload = {"text": "Größe 😀", "n": 2**53 + 1, "x": 1.5, "yes": True, "no": None, "list": [1, "a", {"b": False}], "empty": {}}
        vector = {"dense": Y, "bm25": models.SparseVector(indices=[7, 3], values=[0.5, 2.0])}
        self.client.upsert(name, [models.PointStruct(id=number, vector=vector, payload=payload)])
        found = self.client.retrieve(name, [number], with_vectors=True)[0]
        self.assertEqual((found.id, found.payload), (number, payload))
        self.assertEqual(found.vector["dense"], Y)
        self.assertEqual(dict(zip(found.vector["bm25"].indices, found.vector["bm25"].values)), {7: 0.5, 3: 2.0})

    def test_a_point_is_replaced_and_the_last_of_a_batch_counts(self):
        name = self.hybrid()
        self.client.upsert(name, [point(1, "acme", X, [1])])
        self.client.upsert(name, [point(1, "bolt", X, [1]), point(1, "cone", X, [1])])
        self.assertEqual(self.client.count(name).count, 1)
        self.assertEqual(self.client.retrieve(name, [1])[0].payload, {"tenant": "cone"})

    def test_points_are_counted_and_deleted_by_filter(self):
        name = self.filled()
        self.assertEqual(self.client.count(name, count_filter=of_tenant("acme")).count, 5)
        self.client.delete(name, models.FilterSelector(filter=of_tenant("acme")))
        self.assertEqual(self.client.count(name, count_filter=of_tenant("acme")).count, 0)
        self.assertEqual(self.client.count(name).count, 5)

    def test_points_are_deleted_by_id(self):
        name = self.filled()
        self.client.delete(name, [1, 2, 999])
        self.assertEqual(self.client.count(name).count, 8)

    def test_filters_match_what_they_say(self):
        name = self.filled()

        def numbers(**parts: list) -> list[int]:
            return [it.id for it in self.client.scroll(name, models.Filter(**parts), limit=20)[0]]

        def field(**condition: object) -> models.FieldCondition:
            return models.FieldCondition(**condition)

        self.assertEqual(numbers(must=[field(key="even", match=models.MatchValue(value=True))]), [2, 4, 6, 8, 10])
        self.assertEqual(numbers(must=[field(key="even", match=models.MatchValue(value=False))]), [1, 3, 5, 7, 9])
        self.assertEqual(numbers(must=[field(key="n", match=models.MatchValue(value=3))]), [3])
        self.assertEqual(numbers(must=[field(key="n", match=models.MatchAny(any=[3, 4, 99]))]), [3, 4])
        self.assertEqual(numbers(must=[field(key="n", range=models.Range(gt=2, lte=4))]), [3, 4])
        self.assertEqual(numbers(must_not=[field(key="tenant", match=models.MatchAny(any=["acme"]))]), [2, 4, 6, 8, 10])
        self.assertEqual(numbers(must=[field(key="tenant", match=models.MatchExcept(**{"except": ["acme"]}))]), [2, 4, 6, 8, 10])
        self.assertEqual(numbers(should=[models.HasIdCondition(has_id=[1, 2]), field(key="n", match=models.MatchValue(value=9))]), [1, 2, 9])
        self.assertEqual(numbers(must=[models.IsEmptyCondition(is_empty=models.PayloadField(key="missing"))], must_not=[models.HasIdCondition(has_id=[1])])[0], 2)
        self.assertEqual(numbers(must=[models.Filter(should=[models.HasIdCondition(has_id=[5])])]), [5])
        minimum = models.MinShould(conditions=[models.HasIdCondition(has_id=[1, 2]), field(key="tenant", match=models.MatchValue(value="acme"))], min_count=2)
        self.assertEqual(numbers(min_should=minimum), [1])

    def test_dates_are_compared(self):
        name = self.hybrid()
        self.client.create_payload_index(name, "at", models.PayloadSchemaType.DATETIME)
        self.client.upsert(name, [point(1, "acme", X, [1], at="2026-01-01T00:00:00Z"), point(2, "acme", X, [1], at="2026-03-01T00:00:00Z")])
        after = models.FieldCondition(key="at", range=models.DatetimeRange(gt="2026-02-01T00:00:00Z"))
        self.assertEqual([it.id for it in self.client.scroll(name, models.Filter(must=[after]))[0]], [2])

    def test_pages_contain_each_point_once(self):
        name, found, offset = self.filled(), [], None
        while True:
            page, offset = self.client.scroll(name, limit=3, offset=offset)
            found += [it.id for it in page]
            if offset is None:
                break
        self.assertEqual(found, list(range(1, 11)))

    def test_points_are_listed_in_the_order_of_a_field(self):
        name = self.filled()
        self.client.create_payload_index(name, "n", models.PayloadSchemaType.INTEGER)
        page, _ = self.client.scroll(name, limit=3, order_by=models.OrderBy(key="n", direction=models.Direction.DESC))
        self.assertEqual([it.id for it in page], [10, 9, 8])

    def test_payloads_contain_what_was_asked_for(self):
        name = self.filled()
        include, _ = self.client.scroll(name, limit=1, with_payload=["n"])
        exclude, _ = self.client.scroll(name, limit=1, with_payload=models.PayloadSelectorExclude(exclude=["n", "even"]))
        none, _ = self.client.scroll(name, limit=1, with_payload=False)
        self.assertEqual([it[0].payload for it in (include, exclude, none)], [{"n": 1}, {"tenant": "acme"}, {}])

    def test_facets_count_the_values_of_an_indexed_field(self):
        name = self.filled()
        self.client.create_payload_index(name, "even", models.PayloadSchemaType.BOOL)
        hits = {it.value: it.count for it in self.client.facet(name, "tenant", exact=True).hits}
        self.assertEqual(hits, {"acme": 5, "bolt": 5})
        hits = {it.value: it.count for it in self.client.facet(name, "even", facet_filter=of_tenant("acme"), exact=True).hits}
        self.assertEqual(hits.get(False), 5)

    def test_a_facet_of_a_field_without_index_is_refused(self):
        name = self.filled()
        with refused(self, grpc.StatusCode.INVALID_ARGUMENT, "No appropriate index for faceting: `n`"):
            self.client.facet(name, "n")

    def test_payloads_are_changed(self):
        name = self.filled()
        self.client.set_payload(name, {"new": 1}, [1])
        self.client.overwrite_payload(name, {"tenant": "cone"}, [2])
        self.client.delete_payload(name, ["even", "n"], models.Filter(must=[models.HasIdCondition(has_id=[3])]))
        self.client.clear_payload(name, [4])
        found = [it.payload for it in self.client.retrieve(name, [1, 2, 3, 4])]
        self.assertEqual(found, [{"tenant": "acme", "n": 1, "even": False, "new": 1}, {"tenant": "cone"}, {"tenant": "acme"}, {}])


class MalformedPoints(ServerTest):
    """A refused batch leaves nothing behind."""

    def check(self, message: str, *points: models.PointStruct) -> None:
        name = self.hybrid()
        self.client.upsert(name, [point(1, "acme", X, [1])])
        with refused(self, grpc.StatusCode.INVALID_ARGUMENT, message):
            self.client.upsert(name, [point(2, "acme", X, [1]), *points])
        self.assertEqual([it.id for it in self.client.scroll(name)[0]], [1])

    def test_wrong_dimensions(self):
        self.check("Wrong input: Vector dimension error: expected dim: 4, got 3", point(3, "acme", [1.0, 0.0, 0.0], [1]))

    def test_an_unknown_vector(self):
        self.check("Wrong input: Not existing vector name error: other", models.PointStruct(id=3, vector={"other": X}))

    def test_a_sparse_vector_with_a_duplicate(self):
        self.check("must be unique", point(3, "acme", X, [1, 1]))

    def test_a_sparse_vector_with_more_indices_than_values(self):
        sparse = models.SparseVector(indices=[1, 2, 3], values=[1.0])
        self.check("must be the same length as indices", models.PointStruct(id=3, vector={"bm25": sparse}))

    def test_a_dense_vector_in_place_of_a_sparse_one(self):
        self.check("Conversion between sparse and regular vectors failed", models.PointStruct(id=3, vector={"bm25": X}))

    def test_no_id(self):
        name = self.hybrid()
        with refused(self, grpc.StatusCode.INVALID_ARGUMENT, "Empty ID is not allowed"):
            self.client.grpc_points.Upsert(pb.UpsertPoints(collection_name=name, points=[pb.PointStruct(vectors=pb.Vectors(vector=pb.Vector()))]))

    def test_an_id_that_is_no_uuid(self):
        name = self.hybrid()
        message = pb.PointStruct(id=pb.PointId(uuid="x"), vectors=pb.Vectors(vectors=pb.NamedVectors()))
        with refused(self, grpc.StatusCode.INVALID_ARGUMENT, "Unable to parse UUID: x"):
            self.client.grpc_points.Upsert(pb.UpsertPoints(collection_name=name, points=[message]))

    def test_no_vectors(self):
        name = self.hybrid()
        with refused(self, grpc.StatusCode.INVALID_ARGUMENT, "Expected some vectors"):
            self.client.grpc_points.Upsert(pb.UpsertPoints(collection_name=name, points=[pb.PointStruct(id=pb.PointId(num=1))]))

    def test_no_selector(self):
        name = self.hybrid()
        with refused(self, grpc.StatusCode.INVALID_ARGUMENT, ""):
            self.client.grpc_points.Delete(pb.DeletePoints(collection_name=name))
