"""A TCP proxy on 127.0.0.1 that can cut, hold and delay what goes through it.

    proxy = Proxy(target_port)      listens on proxy.port; Proxy(target_port, 0.004): a network that takes 4 ms each way
    proxy.cut()                     breaks all connections, and new ones at once (a cable pulled with a reset)
    proxy.hold()                    keeps connections, passes nothing (packets lost); after heal() all of it arrives late
    proxy.delay(seconds)            each piece arrives that much later, in order
    proxy.heal()                    as new

All proxies share one thread. The calls above come from other threads and return when they are in effect.
"""
import asyncio
import threading

_PIECE = 1 << 16
_loop = None


def _the_loop():
    global _loop
    if _loop is None:
        _loop = asyncio.new_event_loop()
        threading.Thread(target=_loop.run_forever, name="proxy", daemon=True).start()
    return _loop


def _call(coroutine):
    return asyncio.run_coroutine_threadsafe(coroutine, _the_loop()).result(30)


class Proxy:
    def __init__(self, target, usual=0.0):
        self.target, self.usual = target, usual
        self.bytes = 0  # passed on, both ways
        self._writers = set()
        self._cut, self._delay = False, usual
        self._open = None  # asyncio.Event: pieces may pass
        self.port = _call(self._start())

    async def _start(self):
        self._open = asyncio.Event()
        self._open.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_PIECE)
        return self._server.sockets[0].getsockname()[1]

    def cut(self):
        _call(self._do_cut())

    def hold(self):
        _call(self._do_set(self._open.clear))

    def delay(self, seconds):
        self._delay = self.usual + seconds

    def heal(self):
        self._cut, self._delay = False, self.usual
        _call(self._do_set(self._open.set))

    async def _do_set(self, what):
        what()

    async def _do_cut(self):
        self._cut = True
        for writer in list(self._writers):
            writer.transport.abort()  # a reset, what was under way is lost

    async def _serve(self, reader, writer):
        if self._cut:
            writer.transport.abort()
            return
        self._writers.add(writer)
        onward = None
        try:
            back, onward = await asyncio.open_connection("127.0.0.1", self.target, limit=_PIECE)
            self._writers.add(onward)
            # One side's end is the connection's end: no client here half-closes.
            tasks = [asyncio.ensure_future(self._pass(a, b)) for a, b in ((reader, onward), (back, writer))]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
        except OSError:
            pass
        finally:
            for side in (writer, onward):
                self._writers.discard(side)
                if side:
                    side.transport.abort()

    async def _pass(self, source, target):
        """A reader and a deliverer, so that a delay adds to the time of each piece and does not throttle."""
        queue = asyncio.Queue(256)
        delivery = asyncio.ensure_future(self._deliver(queue, target))
        try:
            while True:
                piece = await source.read(_PIECE)
                await queue.put((asyncio.get_event_loop().time() + self._delay, piece))
                if not piece:
                    await delivery
                    return
        except OSError:
            pass
        finally:
            delivery.cancel()

    async def _deliver(self, queue, target):
        try:
            while True:
                due, piece = await queue.get()
                wait = due - asyncio.get_event_loop().time()
                if wait > 0:
                    await asyncio.sleep(wait)
                await self._open.wait()
                if not piece:
                    return
                target.write(piece)
                await target.drain()
                self.bytes += len(piece)
        except OSError:
            pass
