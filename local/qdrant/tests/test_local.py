"""What holds for the Qdrant for one machine: restarts, its own refusals, its command line."""

import math
import subprocess
import sys
import threading

import grpc
from qdrant_client import grpc as pb
from qdrant_client import models
from tests.refusal import refused
from tests.server import FOLDER, ServerTest, needs_local, of_tenant, point

X = [1.0, 0.0, 0.0, 0.0]


@needs_local
class Restarts(ServerTest):
    def setUp(self) -> None:
        self.collection = self.indexed()

    def test_nothing_acknowledged_is_lost_by_a_kill(self):
        acknowledged, stop = [], threading.Event()

        def write() -> None:
            for number in range(1, 100_000):
                try:
                    self.client.upsert(self.collection, [point(number, "acme", X, [number])])
                except grpc.RpcError:
                    return
                acknowledged.append(number)
                if len(acknowledged) == 300:
                    stop.set()

        writer = threading.Thread(target=write)
        writer.start()
        self.assertTrue(stop.wait(60))
        self.local.kill()
        writer.join()
        self.restart()
        found = {it.id for it in self.client.scroll(self.collection, of_tenant("acme"), limit=100_000)[0]}
        self.assertEqual(set(acknowledged) - found, set())

    def test_configuration_aliases_and_deletions_survive_a_kill(self):
        alias, gone = self.name(), self.hybrid()
        self.client.update_collection_aliases(
            [models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name=self.collection, alias_name=alias))]
        )
        self.client.update_collection(self.collection, metadata={"owner": "acme"})
        self.client.upsert(self.collection, [point(n, "acme", X, [n]) for n in (1, 2)])
        self.client.delete(self.collection, [1])
        self.client.delete_collection(gone)
        self.local.kill()
        self.restart()
        info = self.client.get_collection(alias)
        self.assertEqual((info.config.metadata, info.points_count), ({"owner": "acme"}, 1))
        self.assertTrue(info.payload_schema["tenant"].params.is_tenant)
        self.assertFalse(self.client.collection_exists(gone))
        self.assertEqual([it.id for it in self.client.query_points(alias, query=X, using="dense").points], [2])

    def test_refused_batches_do_not_return_at_a_restart(self):
        wrong = [
            models.PointStruct(id=7, vector={"dense": [1.0]}),
            models.PointStruct(id=7, vector={"dense": [math.nan, 0.0, 0.0, 0.0]}),
            models.PointStruct(id=7, vector={"bm25": models.SparseVector(indices=[1, 2], values=[1.0])}),
            models.PointStruct(id=7, vector={"bm25": models.SparseVector(indices=[1], values=[math.inf])}),
        ]
        for one in wrong:
            with refused(self, grpc.StatusCode.INVALID_ARGUMENT, ""):
                self.client.upsert(self.collection, [one])
        self.local.kill()
        self.restart()
        self.assertEqual(self.client.count(self.collection).count, 0)

    def test_a_clean_stop_keeps_everything(self):
        self.client.upsert(self.collection, [point(1, "acme", X, [1])])
        self.local.terminate()
        self.restart()
        self.assertEqual(self.client.count(self.collection).count, 1)

    def test_a_data_folder_has_one_server(self):
        command = [sys.executable, "-m", "local_qdrant", "--data", str(self.local.folder / "data"), "--listen", "127.0.0.1:0"]
        second = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=60)
        self.assertEqual(second.returncode, 1)
        self.assertIn("another process serves", second.stderr)


@needs_local
class Refusals(ServerTest):
    """What the server does not know is refused instead of ignored."""

    def test_unknown_methods_and_fields_are_unimplemented(self):
        name = self.hybrid()
        geo = pb.FieldCondition(key="at", geo_radius=pb.GeoRadius(center=pb.GeoPoint(lon=1, lat=1), radius=1))
        for call in (
            lambda: self.client.grpc_points.Recommend(pb.RecommendPoints(collection_name=name)),
            lambda: self.client.grpc_points.Count(pb.CountPoints(collection_name=name, filter=pb.Filter(must=[pb.Condition(field=geo)]))),
            lambda: self.client.query_points(name, query=1, using="dense"),
            lambda: self.client.create_collection(
                self.name(),
                models.VectorParams(size=2, distance=models.Distance.DOT),
                quantization_config=models.ScalarQuantization(scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8)),
            ),
            lambda: self.client.update_collection(name, strict_mode_config=models.StrictModeConfig(read_rate_limit=1)),
        ):
            with refused(self, grpc.StatusCode.UNIMPLEMENTED, "is not implemented by the Qdrant for one machine"):
                call()

    def test_help_names_each_option(self):
        text = subprocess.run([sys.executable, "-m", "local_qdrant", "--help"], cwd=FOLDER, capture_output=True, text=True, check=True).stdout
        for option in ("--data", "--listen", "--api-key-file"):
            self.assertIn(option, text)


@needs_local
class Keys(ServerTest):
    def test_another_key_or_none_is_refused(self):
        for key, message in (("other", "Invalid API key or JWT"), (None, "Must provide an API key")):
            with refused(self, grpc.StatusCode.UNAUTHENTICATED, message):
                self.local.client(key).get_collections()

    def test_probes_need_no_key(self):
        with grpc.insecure_channel(f"127.0.0.1:{self.local.port}") as channel:
            check = channel.unary_unary("/grpc.health.v1.Health/Check")
            self.assertEqual(check(b""), b"\x08\x01")
            health = channel.unary_unary("/qdrant.Qdrant/HealthCheck", response_deserializer=pb.HealthCheckReply.FromString)
            self.assertIn("qdrant", health(b"").title)

    def test_an_empty_key_file_is_refused(self):
        empty = self.local.folder / "empty"
        empty.write_text("\n")
        command = [sys.executable, "-m", "local_qdrant", "--data", str(self.local.folder / "other"), "--api-key-file", str(empty)]
        self.assertIn("contains no API key", subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=60).stderr)
