#!/usr/bin/env python3
"""Prints capacity.md's table: what a rate of ads needs. All inputs are options, with the measured values as defaults.

  usage: capacity.py [--ads-per-day N]... [--cpu-ms 8.3] [--hits 0.2] [--peak 3] [--cores 4] ...
"""
import argparse
import math


def need(ads_per_day, o):
    """What `ads_per_day` takes, as a dict."""
    peak = ads_per_day / 86400 * o.peak
    per_core = 1000 / (o.cpu_ms * (1 - o.hits * o.embed_share)) * o.busy
    workers = max(o.least, math.ceil(peak / per_core / o.cores))
    partitions = max(12, 12 * math.ceil(1.5 * workers / 12))
    keys = peak * o.sentences  # looked up in Redis at most
    return {
        "peak": peak,
        "workers": workers,
        "cores": workers * o.cores,
        "partitions": partitions,
        "memory_gib": workers * o.worker_mib / 1024,
        "kafka_mb_s": peak * (o.ad_bytes + o.record_bytes) / 1e6,
        "kafka_gb_day": ads_per_day * (o.ad_bytes + o.record_bytes) / 1e9,
        "redis_keys_s": keys,
        "redis_share": keys / o.redis_keys_s,
        "cache_gb_day": ads_per_day * o.sentences * (1 - o.hits) * o.entry_bytes / 1e9,
        # an autoscaler follows the load: cores are paid for the mean, not for the peak
        "cost_month": max(workers / o.peak, o.least) * o.cores * 730 * o.core_hour,
    }


def options():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--ads-per-day", type=float, action="append", help="rows of the table")
    p.add_argument("--cpu-ms", type=float, default=8.3, help="CPU time of an ad, nothing cached")
    p.add_argument("--embed-share", type=float, default=0.9, help="share of that time that a cache hit saves")
    p.add_argument("--hits", type=float, default=0.2, help="sentences found in a cache")
    p.add_argument("--sentences", type=float, default=12.6, help="of an ad")
    p.add_argument("--ad-bytes", type=float, default=1400)
    p.add_argument("--record-bytes", type=float, default=600)
    p.add_argument("--entry-bytes", type=float, default=361, help="of a sentence in Redis")
    p.add_argument("--redis-keys-s", type=float, default=1000000, help="keys per second that one Redis gives by MGET")
    p.add_argument("--peak", type=float, default=3, help="peak over mean")
    p.add_argument("--busy", type=float, default=0.7, help="how busy a core may be")
    p.add_argument("--cores", type=int, default=4, help="of a worker")
    p.add_argument("--least", type=int, default=2, help="workers")
    p.add_argument("--worker-mib", type=float, default=512)
    p.add_argument("--core-hour", type=float, default=0.04, help="price of a core and its memory")
    return p


def table(o):
    rows = ["| ads a day | peak ads/s | workers x cores | partitions | memory of workers | Kafka in + out | sentence look-ups | cores, a month |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for ads in o.ads_per_day or (1e4, 1e5, 1e6, 1e7, 1e8):
        n = need(ads, o)
        rows.append(f"| {ads:,.0f} | {n['peak']:,.1f} | {n['workers']} x {o.cores} | {n['partitions']} | {n['memory_gib']:,.0f} GiB "
                    f"| {n['kafka_mb_s']:,.2f} MB/s, {n['kafka_gb_day']:,.2f} GB/day | {n['redis_keys_s']:,.0f}/s "
                    f"({100 * n['redis_share']:,.0f} % of one Redis) | {n['cost_month']:,.0f} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table(options().parse_args()))
