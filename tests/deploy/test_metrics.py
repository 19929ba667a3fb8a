"""What dashboards and alerts rely on, from live workers: each partition has one lag, tenths of probability add up."""
import re

import harness as h


def lags(worker):
    """partition -> lag, as this worker tells it."""
    return {int(re.search(r'"(\d+)"', name).group(1)): value for name, value in worker.metrics().items()
            if name.startswith("skillstream_consumer_lag{")}


def start_and_share():
    kafka, redis = h.Kafka(), h.Redis()
    h.push(redis)
    topics = kafka.create_all(partitions=4)
    first = h.Worker(kafka, topics, ["--threshold", 0], redis=redis).ready()
    kafka.publish(topics.ads, [h.short_ad(f"ad-{n}", n) for n in range(40)])
    records = [h.parse_record(m.value()) for m in kafka.read(topics.records, 40)]
    h.until(lambda: first.metrics()["skillstream_ads_consumed_total"] == 40, "all are counted")
    assert set(lags(first)) == {0, 1, 2, 3}, lags(first)

    metrics = first.metrics()
    tenths = {name: value for name, value in metrics.items() if name.startswith("skillstream_mention_probability_total")}
    mentions = [m for r in records for m in r.mentions]
    assert len(tenths) == 10 and sum(tenths.values()) == metrics["skillstream_mentions_total"] == len(mentions) > 0
    for tenth in range(10):
        here = sum(min(int(m.probability * 10 + 1e-6), 9) == tenth for m in mentions)
        told = tenths[f'skillstream_mention_probability_total{{from="0.{tenth}"}}']
        assert abs(here - told) <= 2, (tenth, here, told)  # a float on the border may be read to either side

    second = h.Worker(kafka, topics, ["--threshold", 0], redis=redis).ready()
    kafka.publish(topics.ads, [h.short_ad(f"more-{n}", n) for n in range(40)])
    kafka.read(topics.records, 80)
    h.until(lambda: len(lags(first)) == 2 and len(lags(second)) == 2, "partitions are shared, and so are their lags")
    assert set(lags(first)) | set(lags(second)) == {0, 1, 2, 3}
    for worker in (first, second):
        assert worker.terminate()[0] == 0


h.main(start_and_share)
