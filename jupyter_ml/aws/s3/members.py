"""What becomes of each member of each request to S3; a test holds it against botocore's model."""

from __future__ import annotations

from jupyter_ml.aws.s3.attributes import KEPT

_ENCRYPTION = "rejected: objects are not encrypted here; leave it out"
# The SageMaker SDKs ask for it with each archive of code that they upload.
_MANAGED = (
    "recorded: without a key of the caller's own it is left to who stores the objects, which is "
    "this machine's disk"
)
_LOCK = "rejected: objects are not locked here; leave it out"
_GRANT = "rejected: there is one key pair and no grants; leave it out"
_TAGS = "rejected: objects have no tags here; use Metadata"
_VERSION = "rejected: objects have no versions here; leave it out"
_PAYER = "recorded: nobody pays for requests here"
_MFA = "rejected: there is no multi-factor authentication here; leave it out"
_WEBSITE = "rejected: buckets are no web sites here; leave it out"
_XXHASH = "rejected: it is not computed here; use one of CRC32, CRC32C, CRC64NVME, SHA1 and SHA256"
_ACL = "recorded: `private` and `bucket-owner-full-control` say what is so; others are refused"
_CLASS = "recorded: `STANDARD` says what is so; others are refused"

_USED = "used"
_OWNER = {"Bucket": _USED, "ExpectedBucketOwner": _USED}
_OBJECT = {**_OWNER, "Key": _USED, "RequestPayer": _PAYER}
_CUSTOMER_KEY = {f"SSECustomer{name}": _ENCRYPTION for name in ("Algorithm", "Key", "KeyMD5")}
_SOURCE_KEY = {f"CopySource{name}": word for name, word in _CUSTOMER_KEY.items()}
_ENCRYPTED = {
    **_CUSTOMER_KEY,
    "ServerSideEncryption": _MANAGED,
    "SSEKMSKeyId": _ENCRYPTION,
    "SSEKMSEncryptionContext": _ENCRYPTION,
    "BucketKeyEnabled": _ENCRYPTION,
}
_GRANTS = {f"Grant{name}": _GRANT for name in ("FullControl", "Read", "ReadACP", "WriteACP")}
_LOCKED = {
    f"ObjectLock{name}": _LOCK
    for name in (
        "Mode",
        "RetainUntilDate",
        "LegalHoldStatus",
        "EventHold",
        "EventHoldDurationDays",
        "EventHoldDurationYears",
    )
}
_CHECKSUMS = {
    **{
        f"Checksum{name}": _USED
        for name in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "MD5")
    },
    **{f"ChecksumXXHASH{name}": _XXHASH for name in ("64", "3", "128")},
}
_KEPT = dict.fromkeys((*KEPT, "Metadata"), _USED)
_NEW_OBJECT = {
    **_OBJECT,
    **_KEPT,
    **_ENCRYPTED,
    **_GRANTS,
    **_LOCKED,
    "ACL": _ACL,
    "StorageClass": _CLASS,
    "Tagging": _TAGS,
    "WebsiteRedirectLocation": _WEBSITE,
}
_CONDITIONS = {"IfMatch": _USED, "IfNoneMatch": _USED}
_TIMES = {"IfModifiedSince": _USED, "IfUnmodifiedSince": _USED}
_SOURCE = {
    "CopySource": _USED,
    **{f"CopySource{name}": word for name, word in {**_CONDITIONS, **_TIMES}.items()},
    **_SOURCE_KEY,
    "ExpectedSourceBucketOwner": _USED,
}
_BODY = {
    "Body": _USED,
    "ContentLength": _USED,
    "ContentMD5": _USED,
    "ChecksumAlgorithm": _USED,
    **_CHECKSUMS,
}
_READ = {
    **_OBJECT,
    **_CONDITIONS,
    **_TIMES,
    **_CUSTOMER_KEY,
    **{f"Response{name}": _USED for name in KEPT},
    "Range": _USED,
    "VersionId": _VERSION,
    "PartNumber": "rejected: an object is one file, whose parts are not kept; use Range",
    "ChecksumMode": _USED,
}
_ATTRIBUTES = "rejected: there is no Glacier to restore from; leave it out"
_LISTED = {
    **_OWNER,
    "Delimiter": _USED,
    "EncodingType": _USED,
    "MaxKeys": _USED,
    "Prefix": _USED,
    "RequestPayer": _PAYER,
    "OptionalObjectAttributes": _ATTRIBUTES,
}
_UPLOAD = {**_OBJECT, "UploadId": _USED}

MEMBERS: dict[str, dict[str, str]] = {
    "ListBuckets": {
        "MaxBuckets": _USED,
        "ContinuationToken": _USED,
        "Prefix": _USED,
        "BucketRegion": _USED,
    },
    "CreateBucket": {
        "Bucket": _USED,
        "CreateBucketConfiguration": _USED,
        "CreateBucketConfiguration.Location": "rejected: there are no directory buckets",
        "CreateBucketConfiguration.Bucket": "rejected: there are no directory buckets",
        "CreateBucketConfiguration.Tags": "rejected: buckets have no tags here; leave them out",
        "ACL": _ACL,
        **_GRANTS,
        "GrantWrite": _GRANT,
        "ObjectLockEnabledForBucket": _LOCK,
        "ObjectOwnership": "recorded: every object is its bucket's owner's",
        "BucketNamespace": "rejected: names are the workspace's own; leave it out",
    },
    "HeadBucket": _OWNER,
    "GetBucketLocation": _OWNER,
    "GetBucketVersioning": _OWNER,
    "DeleteBucket": _OWNER,
    "ListObjects": {**_LISTED, "Marker": _USED},
    "ListObjectsV2": {
        **_LISTED,
        "ContinuationToken": _USED,
        "FetchOwner": _USED,
        "StartAfter": _USED,
    },
    "GetObject": _READ,
    "HeadObject": _READ,
    "PutObject": {
        **_NEW_OBJECT,
        **_BODY,
        **_CONDITIONS,
        "WriteOffsetBytes": "rejected: objects are not appended to; send the whole",
    },
    "CopyObject": {
        **_NEW_OBJECT,
        **_SOURCE,
        **_CONDITIONS,
        "ChecksumAlgorithm": _USED,
        "MetadataDirective": _USED,
        "TaggingDirective": _TAGS,
        "AnnotationDirective": "rejected: objects have no annotations here; leave it out",
    },
    "DeleteObject": {
        **_OBJECT,
        "MFA": _MFA,
        "VersionId": _VERSION,
        "BypassGovernanceRetention": _LOCK,
        "IfMatch": _USED,
        "IfMatchLastModifiedTime": "rejected: use IfMatch",
        "IfMatchSize": "rejected: use IfMatch",
    },
    "DeleteObjects": {
        **_OWNER,
        "Delete": _USED,
        "Delete.Objects.VersionId": _VERSION,
        "Delete.Objects.LastModifiedTime": "rejected: use ETag",
        "Delete.Objects.Size": "rejected: use ETag",
        "MFA": _MFA,
        "RequestPayer": _PAYER,
        "BypassGovernanceRetention": _LOCK,
        "ChecksumAlgorithm": _USED,
    },
    "CreateMultipartUpload": {**_NEW_OBJECT, "ChecksumAlgorithm": _USED, "ChecksumType": _USED},
    "UploadPart": {**_UPLOAD, **_BODY, **_CUSTOMER_KEY, "PartNumber": _USED},
    "UploadPartCopy": {
        **_UPLOAD,
        **_SOURCE,
        **_CUSTOMER_KEY,
        "CopySourceRange": _USED,
        "PartNumber": _USED,
    },
    "ListParts": {**_UPLOAD, **_CUSTOMER_KEY, "MaxParts": _USED, "PartNumberMarker": _USED},
    "ListMultipartUploads": {
        **_OWNER,
        "Delimiter": _USED,
        "EncodingType": _USED,
        "KeyMarker": _USED,
        "MaxUploads": _USED,
        "Prefix": _USED,
        "UploadIdMarker": _USED,
        "RequestPayer": _PAYER,
    },
    "CompleteMultipartUpload": {
        **_UPLOAD,
        **_CHECKSUMS,
        **_CONDITIONS,
        **_CUSTOMER_KEY,
        "MultipartUpload": _USED,
        "ChecksumType": _USED,
        "MpuObjectSize": _USED,
    },
    "AbortMultipartUpload": {**_UPLOAD, "IfMatchInitiatedTime": "rejected: leave it out"},
}
"""Words by member, by operation; the grammar is that of `jupyter_ml.contract.members`."""
