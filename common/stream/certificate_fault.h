/* certificate_fault.h - what is wrong with a server's certificate, as far as it decides what to do about it; inside
 * common/stream, for Kafka and Redis. */
#ifndef SKILLSTREAM_STREAM_CERTIFICATE_FAULT_H
#define SKILLSTREAM_STREAM_CERTIFICATE_FAULT_H

typedef enum ss_certificate_fault {
    SS_CERTIFICATE_AUTHORITY, /* signed by nobody that we trust: name the authority */
    SS_CERTIFICATE_NAME,      /* of another host than the one that was called */
    SS_CERTIFICATE_OTHER      /* expired, not yet valid, made for something else: the server must renew it */
} ss_certificate_fault;

/* From OpenSSL's X509_V_ERR_* (X509_verify_cert_error_string has its text). */
ss_certificate_fault ss_certificate_fault_of(long x509_error);

#endif
