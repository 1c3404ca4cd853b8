"""Requests per second of uvicorn under wrk: guarded against bare, in turns.

    python -m benchmarks.throughput [--seconds N] [--rounds N]

Needs `wrk` on the PATH. The app is the demo's: a V2 server of a trivial model, thirty numbers into a small
network. The request is one clean row, the detector is fitted without a contract. The least possible gate of
`benchmarks/overhead.py` runs beside them, since no gate that scores a row can do with less.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sklearn.datasets import load_breast_cancer

from benchmarks.machine import header
from benchmarks.overhead import PATH, SEED, Gate, onnx_judge, v2_body
from guard import GuardMiddleware, GuardSettings, Screener
from guard.demo.assets import BREAST_CANCER, model_folder, read_rows
from guard.demo.host import OnnxModel, build_host
from guard.training import fit_detector


def create_bare() -> Any:
    """The app alone, for `uvicorn --factory`."""
    folder = model_folder(BREAST_CANCER)
    features, _ = read_rows(folder / "heldout.csv")
    return build_host(OnnxModel(folder / "model.onnx", features=features))


def create_least() -> Any:
    """The app behind the least possible gate, for `uvicorn --factory`."""
    return Gate(create_bare(), onnx_judge(Path(os.environ["GUARD_DETECTOR"])))


def create_guarded() -> Any:
    """The app behind guard, configured by the environment, for `uvicorn --factory`."""
    return GuardMiddleware(create_bare())


def serve(factory: str, port: int, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start one uvicorn worker and wait until it listens."""
    command = [sys.executable, "-m", "uvicorn", f"benchmarks.throughput:{factory}", "--factory", "--port", str(port)]
    root = Path(__file__).parents[1]
    process = subprocess.Popen([*command, "--log-level", "warning"], cwd=root, env={**os.environ, **environ})
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
        time.sleep(0.05)
    raise SystemExit(f"uvicorn didn't listen on port {port} within 10 s")


def requests_per_second(port: int, script: Path, seconds: int) -> float:
    """One run of wrk; raises SystemExit where an answer wasn't 2xx."""
    command = ["wrk", "-t1", "-c16", f"-d{seconds}s", "-s", str(script), f"http://127.0.0.1:{port}{PATH}"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in output:
        raise SystemExit(output)
    found = re.search(r"Requests/sec:\s*([\d.]+)", output)
    assert found, output
    return float(found[1])


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=4)
    args = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk isn't on the PATH; Debian has it as the package wrk")
    names, rows = read_rows(model_folder(BREAST_CANCER) / "heldout.csv")
    with tempfile.TemporaryDirectory() as scratch:
        detector = Path(scratch, "detector.onnx")
        fit_detector(load_breast_cancer().data, names=names, seed=SEED).save(detector)
        environ = {"GUARD_DETECTOR": str(detector), "GUARD_JOURNAL": f"sqlite:///{scratch}/guard.db"}
        screener = Screener(GuardSettings.from_environ(environ))
        bodies = (v2_body(row[None]) for row in rows)
        body = next(body for body in bodies if screener.screen(body, path=PATH).action.label == "allow")
        script = Path(scratch, "post.lua")
        text = body.decode()
        script.write_text(
            f"wrk.method='POST'\nwrk.headers['Content-Type']='application/json'\nwrk.body=[==[{text}]==]\n"
        )
        ports = {name: free_port() for name in ("create_bare", "create_least", "create_guarded")}
        servers = [serve(name, port, environ) for name, port in ports.items()]
        try:
            rates = measure(ports, script, args.seconds, args.rounds)
        finally:
            for server in servers:
                server.terminate()
                server.wait()
    report(rates, args)


def measure(ports: dict[str, int], script: Path, seconds: int, rounds: int) -> dict[str, list[float]]:
    """Requests per second of each server, in turns."""
    rates: dict[str, list[float]] = {name: [] for name in ports}
    for port in ports.values():
        requests_per_second(port, script, 1)
    for _ in range(rounds):
        for name, port in ports.items():
            rates[name].append(requests_per_second(port, script, seconds))
    return rates


def report(rates: dict[str, list[float]], args: argparse.Namespace) -> None:
    """Print what was measured."""
    print(header("inference-guard", "uvicorn", "httptools", "onnxruntime", "starlette"))
    print(f"load      wrk -t1 -c16 -d{args.seconds}s, {args.rounds} rounds in turns, one worker, GUARD_MODE=monitor\n")
    for name, values in rates.items():
        print(f"{name.removeprefix('create_'):<10}{statistics.median(values):>10.0f} requests/s (median)")
    for name in ("create_least", "create_guarded"):
        ratios = [one / plain for one, plain in zip(rates[name], rates["create_bare"], strict=True)]
        spread = f"median {statistics.median(ratios):.2f}, min {min(ratios):.2f}, max {max(ratios):.2f}"
        print(f"{name.removeprefix('create_')} / bare: {spread}")
    print("goal: guarded / bare >= 0.75")


if __name__ == "__main__":
    main()
