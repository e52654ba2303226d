// How asking a server ended. A node's behaviour is data, not an error of ours.
#pragma once

enum outcome {
    OUTCOME_OK,
    OUTCOME_RESOLVE,         // the name has no address, or nobody told it in time
    OUTCOME_REFUSED,         // nobody listens
    OUTCOME_UNREACHABLE,     // connect failed otherwise
    OUTCOME_CONNECT_TIMEOUT, // no answer to connect
    OUTCOME_TLS_TIMEOUT,     // connected, no TLS handshake in time
    OUTCOME_TIMEOUT,         // connected, replies did not come in time
    OUTCOME_CLOSED,          // closed before the last reply
    OUTCOME_AUTH,            // no password, a wrong one, or an unknown user
    OUTCOME_DENIED,          // the user may not say INFO
    OUTCOME_BUSY,            // it runs a script and answers nothing else
    OUTCOME_MALFORMED,       // not RESP, or not what was asked for
    OUTCOME_TOO_LARGE,       // more than the cap
    OUTCOME_WRONG_NODE,      // another node lives at this address
    OUTCOME_NO_ADDRESS,      // the cluster does not know the node's address
    OUTCOME_LOCAL_LIMIT,     // this process has no descriptor or memory left to connect with
    OUTCOME_TLS_UNTRUSTED,   // its certificate is not signed by an authority that is trusted
    OUTCOME_TLS_EXPIRED,     // its certificate, or an authority's, is not valid at this time
    OUTCOME_TLS_NAME,        // its certificate is for another name
    OUTCOME_TLS_CLIENT,      // it wants a certificate of ours, or another one
    OUTCOME_TLS_VERSION,     // no version of TLS is common to both
    OUTCOME_TLS_PLAIN,       // it speaks without TLS
    OUTCOME_TLS_WANTED,      // it speaks with TLS only, we without
    OUTCOME_TLS,             // TLS has failed otherwise
    OUTCOME_COUNT,
};

// The word for labels and logs.
const char *outcome_name(enum outcome outcome);
