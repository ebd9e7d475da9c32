"""The S3 that a workspace's buckets speak: a subset of Amazon S3's REST interface.

A bucket is a folder and an object a file in it, so that whatever comes in is a channel or model
data at once, and whatever a job publishes can be read. What a file cannot hold (content type, user
metadata, ETag, checksum) stands in a record beside the buckets.

- `names`: which keys a folder can hold; `buckets`: the folders.
- `records`, `drafts`, `objects`: reading, and writing whole or not at all; `uploads`: in parts.
- `listing`: keys in S3's order, page by page.
- `checksums`, `chunks`: what travels with a body to prove that it arrived.
- `signing`, `presigned`: who asks.
- `wire`: XML and headers, as botocore's model has them; `members`: what becomes of each member.
- `operations`, `transfers`: the operations; `gateway`, `handler`: from a request to an answer.
"""
