"""A stand-in for an OpenAI-compatible endpoint that misbehaves on command.

    llm = FakeLlm(script)       script(number, request) -> the word of an action below, or a tuple (word, argument)
    llm.url                     base URL for --llm-url
    llm.requests                what came, in order of arrival: Request objects
    llm.given                   sentence -> how often it was in a whole, good answer that was sent to the end

It speaks HTTP by hand, because half of the actions are things that no HTTP library would send. Sentences are made of
random words, never the same twice, so that checks for duplicates have no reason to refuse them.
"""
import asyncio
import json
import random
import re
import ssl
import threading
import time

WORDS = """able account across action adapt advice agree analyse annual answer apply archive arrange assess assist audit
balance basic bench board bridge brief budget build bundle cable calm camera careful carry chart check circuit clean
client climate coach collect colour combine common compare complex concrete confirm connect consult contact contract
control copper correct cotton count courier craft crew culture current cycle daily data deal debt decide deliver design
detail device diagram digital dispatch display draft drawing drill driver early edit educate effort electric engine
ensure equip escort estimate evening event exact examine export fabric factory farm fibre field figure file final finance
fine fleet flexible floor focus forest formal frame fresh fuel garden gauge general glass goods grain graph ground group
guard guide handle harbour harvest health heavy hotel house image import improve index inform inspect install insure
interview invoice iron item joint journal judge kitchen label ladder language large laser launch layout leader lease legal
lesson level library licence lift light limit line liquid list load local lumber machine maintain manual map margin market
material measure medical meeting member menu metal method metric mill mineral mobile model module monitor motor mount
museum network night novel number nurse observe office operate optic orchard order outline oven paint panel paper parcel
patient pattern payment permit phone photo piece pilot pipe plan plant plastic platform plumb policy port power precise
prepare press price print process product profile project promote protect prove public pump purchase quality query rail
range rapid recipe record reform region regular repair report rescue research reserve review ring river road robot roof
route routine safety sample scale scan schedule school science screen season secure seed sensor serve session shape sheet
shift ship signal silver simple site sketch smooth social soil solve sound source special stable staff stage station steel
stock store stream street strong structure student studio supply support survey switch system table target task teach team
technical test textile theatre timber tool track trade train transport travel treat trial truck tunnel update urban valve
vehicle vendor verify vessel video village visit voice wage water weather weld wheel window wire workshop yard""".split()


class Request:
    """One request as it came in."""

    def __init__(self, number, head, body):
        self.number, self.time, self.body = number, time.monotonic(), body
        self.path = head.split(" ", 2)[1]
        self.headers = {line.split(":", 1)[0].strip().lower(): line.split(":", 1)[1].strip()
                        for line in head.split("\r\n")[1:] if ":" in line}
        self.json = json.loads(body)
        self.user = self.json["messages"][-1]["content"]
        self.n = int(re.search(r"Write (\d+)", self.user).group(1))
        self.answered = None  # time of the end of a good answer


class FakeLlm:
    def __init__(self, script=lambda number, request: "ok", tls=None, delay=0.0, tokens=(100, 20), seed=1):
        """tls: (certificate, key) files. delay: seconds before each answer. tokens: prompt, and for each sentence."""
        self.script, self.delay, self.tokens = script, delay, tokens
        self.requests, self.given, self.connections, self.billed_in, self.billed_out = [], {}, 0, 0, 0
        self.busy = self.busiest = 0
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.loop = asyncio.new_event_loop()
        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
        ready = threading.Event()

        def serve():
            asyncio.set_event_loop(self.loop)
            self.server = self.loop.run_until_complete(asyncio.start_server(self._client, "127.0.0.1", 0, ssl=context))
            self.port = self.server.sockets[0].getsockname()[1]
            ready.set()
            self.loop.run_forever()
        self.thread = threading.Thread(target=serve, daemon=True)
        self.thread.start()
        ready.wait(10)
        self.url = f"http{'s' if tls else ''}://localhost:{self.port}" if tls else f"http://127.0.0.1:{self.port}"

    def stop(self):
        async def end():
            self.server.close()
            others = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            self.loop.stop()
        asyncio.run_coroutine_threadsafe(end(), self.loop)
        self.thread.join(10)

    # ---- sentences ----

    def sentence(self):
        words = [self.random.choice(WORDS) for _ in range(self.random.randint(9, 14))]
        return " ".join(words).capitalize() + "."

    # ---- the wire ----

    async def _client(self, reader, writer):
        self.connections += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(re.search(r"content-length: *(\d+)", head, re.I).group(1))
        body = await reader.readexactly(length)
        with self.lock:
            request = Request(len(self.requests), head, body)
            self.requests.append(request)
            self.busy += 1
            self.busiest = max(self.busiest, self.busy)
        try:
            if self.delay:
                await asyncio.sleep(self.delay)
            action = self.script(request.number, request)
            word, argument = action if isinstance(action, tuple) else (action, None)
            return await getattr(self, "_do_" + word.replace("-", "_"))(request, writer, argument)
        finally:
            with self.lock:
                self.busy -= 1

    @staticmethod
    def _reply(writer, status, body, headers=(), length=None):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        head = f"HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {length or len(body)}\r\n"
        writer.write(head.encode() + "".join(h + "\r\n" for h in headers).encode() + b"\r\n" + body)
        return True

    def _completion(self, request, content, finish="stop", usage=True, **message):
        out = self.tokens[1] * request.n
        answer = {"id": "x", "object": "chat.completion", "model": "fake",
                  "choices": [{"index": 0, "finish_reason": finish,
                               "message": {"role": "assistant", "content": content, **message}}]}
        if usage:
            answer["usage"] = {"prompt_tokens": self.tokens[0], "completion_tokens": out,
                               "total_tokens": self.tokens[0] + out}
            self.billed_in += self.tokens[0]
            self.billed_out += out
        return answer

    async def _good(self, request, writer, sentences, content):
        self._reply(writer, 200, self._completion(request, content))
        await writer.drain()
        request.answered = time.monotonic()
        for sentence in sentences:
            self.given[sentence] = self.given.get(sentence, 0) + 1
        return True

    # ---- actions: return True to keep the connection ----

    async def _do_ok(self, request, writer, argument):
        sentences = [self.sentence() for _ in range(argument or request.n)]
        return await self._good(request, writer, sentences, json.dumps({"sentences": sentences}))

    async def _do_fenced(self, request, writer, _):
        sentences = [self.sentence() for _ in range(request.n)]
        return await self._good(request, writer, sentences, "```json\n" + json.dumps(sentences, indent=1) + "\n```")

    async def _do_list(self, request, writer, _):
        sentences = [self.sentence() for _ in range(request.n)]
        return await self._good(request, writer, sentences, "Here are the sentences:\n\n" + "\n".join(
            f"{i + 1}. {s}" for i, s in enumerate(sentences)))

    async def _do_text(self, request, writer, sentences):
        """These very sentences."""
        return await self._good(request, writer, sentences, json.dumps({"sentences": sentences}))

    async def _do_stream(self, request, writer, _):
        sentences = [self.sentence() for _ in range(request.n)]
        text = json.dumps({"sentences": sentences})
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n: hello\r\n\r\n")
        for at in range(0, len(text), 40):
            chunk = {"choices": [{"index": 0, "delta": {"content": text[at:at + 40]}, "finish_reason": None}]}
            writer.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
            await writer.drain()
        writer.write(b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n')
        self.billed_in += self.tokens[0]
        self.billed_out += self.tokens[1] * request.n
        usage = {"choices": [], "usage": {"prompt_tokens": self.tokens[0], "completion_tokens": self.tokens[1] * request.n}}
        writer.write(b"data: " + json.dumps(usage).encode() + b"\n\ndata: [DONE]\n\n")
        await writer.drain()
        request.answered = time.monotonic()
        for sentence in sentences:
            self.given[sentence] = 1
        return False

    async def _do_status(self, request, writer, argument):
        """argument: status, or (status, error object, headers)."""
        status, error, headers = argument if isinstance(argument, tuple) else (argument, {"message": "no"}, ())
        return self._reply(writer, status, {"error": error}, headers)

    async def _do_reset(self, request, writer, _):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"choices\":")
        await writer.drain()
        writer.transport.abort()
        return False

    async def _do_hang_up(self, request, writer, _):
        writer.transport.abort()
        return False

    async def _do_drip(self, request, writer, seconds):
        """A byte now and then, for ever."""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
        end = time.monotonic() + (seconds or 30)
        while time.monotonic() < end:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.2)
        return False

    async def _do_silent(self, request, writer, seconds):
        await asyncio.sleep(seconds or 30)
        return False

    async def _do_truncated(self, request, writer, _):
        text = json.dumps(self._completion(request, "x")).encode()
        return self._reply(writer, 200, text[:len(text) // 2])

    async def _do_body(self, request, writer, body):
        return self._reply(writer, 200, body)

    async def _do_wrong_schema(self, request, writer, _):
        return self._reply(writer, 200, {"result": ["a", "b"], "usage": {"prompt_tokens": 5, "completion_tokens": 5}})

    async def _do_empty_choices(self, request, writer, _):
        answer = self._completion(request, "x")
        answer["choices"] = []
        return self._reply(writer, 200, answer)

    async def _do_length(self, request, writer, _):
        return self._reply(writer, 200, self._completion(request, '{"sentences": ["A sentence that is cut', "length"))

    async def _do_refusal(self, request, writer, _):
        return self._reply(writer, 200, self._completion(request, None, refusal="I cannot help with that."))

    async def _do_content(self, request, writer, content):
        return self._reply(writer, 200, self._completion(request, content))

    async def _do_no_usage(self, request, writer, _):
        sentences = [self.sentence() for _ in range(request.n)]
        for sentence in sentences:
            self.given[sentence] = 1
        return self._reply(writer, 200, self._completion(request, json.dumps(sentences), usage=False))

    async def _do_huge(self, request, writer, size):
        self._reply(writer, 200, b"[" + b" " * (size or 10_000_000))
        await writer.drain()
        return True

    async def _do_bad_utf8(self, request, writer, _):
        text = json.dumps(self._completion(request, "MARK")).encode().replace(b"MARK", b"\xff\xfe caf\xe9")
        return self._reply(writer, 200, text)

    async def _do_bad_chunk(self, request, writer, _):
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz-not-a-size\r\n{}\r\n0\r\n\r\n")
        await writer.drain()
        return False

    async def _do_not_http(self, request, writer, _):
        writer.write(b"\x00\x01\x02 hello\r\n\r\n")
        await writer.drain()
        return False

    async def _do_redirect(self, request, writer, where):
        return self._reply(writer, 307, b"", [f"Location: {where}"])
