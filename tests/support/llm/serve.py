"""A real language model behind an OpenAI-compatible HTTP endpoint on loopback.

  usage: serve.py MODEL.gguf PORT     POST /v1/chat/completions, GET /health; ends on SIGTERM

Runs with the Python of the environment that get-llm makes.
"""
import signal
import sys
import threading

import xllamacpp as llama

THREADS, PLACES, TOKENS_EACH = 2, 2, 2048


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    params = llama.CommonParams()
    params.model.path = sys.argv[1]
    params.hostnames = ["127.0.0.1"]
    params.port = int(sys.argv[2])
    params.n_parallel = PLACES
    params.n_ctx = PLACES * TOKENS_EACH
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = THREADS
    params.use_jinja = True
    server = llama.Server(params)
    print(server.listening_address, flush=True)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()


if __name__ == "__main__":
    main()
