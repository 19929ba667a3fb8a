/* certificate_fault.c - see certificate_fault.h. */
#include "stream/certificate_fault.h"

#include <openssl/x509_vfy.h>

ss_certificate_fault ss_certificate_fault_of(long x509_error)
{
    switch (x509_error) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: return SS_CERTIFICATE_AUTHORITY;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return SS_CERTIFICATE_NAME;
    default: return SS_CERTIFICATE_OTHER;
    }
}
