#include "certificates.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/mem.h"

enum { DAY_S = 24 * 60 * 60 };

struct authority {
    char directory[64];
    char file[PATH_SIZE];
    EVP_PKEY *key;
    X509 *certificate;
    int issued;
};

static void add_extension(X509 *certificate, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    CHECK(extension != NULL && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static X509 *new_certificate(EVP_PKEY *key, const char *name, long from_s, long until_s)
{
    static long serial;
    X509 *certificate = X509_new();
    CHECK(certificate != NULL && key != NULL);
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), until_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_pubkey(certificate, key);
    return certificate;
}

static void write_certificate(const char *path, X509 *certificate)
{
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && PEM_write_X509(file, certificate) == 1);
    fclose(file);
}

static void write_key(const char *path, EVP_PKEY *key, const char *passphrase)
{
    FILE *file = fopen(path, "w");
    int length = passphrase != NULL ? (int)strlen(passphrase) : 0;
    CHECK(file != NULL);
    CHECK(PEM_write_PKCS8PrivateKey(file, key, passphrase != NULL ? EVP_aes_128_cbc() : NULL,
                                    passphrase, length, NULL, NULL) == 1);
    fclose(file);
}

void authority_path(const struct authority *authority, const char *name, char *out)
{
    snprintf(out, PATH_SIZE, "%s/%s", authority->directory, name);
}

struct authority *authority_new(void)
{
    struct authority *authority = mem_new(1, sizeof(*authority));
    snprintf(authority->directory, sizeof(authority->directory), "/tmp/test-tls.XXXXXX");
    CHECK(mkdtemp(authority->directory) != NULL);
    authority->key = EVP_EC_gen("P-256");
    authority->certificate = new_certificate(authority->key, "authority", -DAY_S, DAY_S);
    X509_set_issuer_name(authority->certificate, X509_get_subject_name(authority->certificate));
    add_extension(authority->certificate, authority->certificate, NID_basic_constraints,
                  "critical,CA:TRUE");
    CHECK(X509_sign(authority->certificate, authority->key, EVP_sha256()) > 0);
    authority_path(authority, "ca.pem", authority->file);
    write_certificate(authority->file, authority->certificate);
    return authority;
}

void authority_free(struct authority *authority)
{
    DIR *directory = opendir(authority->directory);
    const struct dirent *entry;
    CHECK(directory != NULL);
    while ((entry = readdir(directory)) != NULL) {
        unlinkat(dirfd(directory), entry->d_name, 0);
    }
    closedir(directory);
    rmdir(authority->directory);
    EVP_PKEY_free(authority->key);
    X509_free(authority->certificate);
    free(authority);
}

const char *authority_file(const struct authority *authority)
{
    return authority->file;
}

struct pair authority_issue(struct authority *authority, const char *names, long from_s,
                            long until_s)
{
    struct pair pair;
    char name[32];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = new_certificate(key, "127.0.0.1", from_s, until_s);
    X509_set_issuer_name(certificate, X509_get_subject_name(authority->certificate));
    if (names != NULL) {
        add_extension(certificate, authority->certificate, NID_subject_alt_name, names);
    }
    CHECK(X509_sign(certificate, authority->key, EVP_sha256()) > 0);
    snprintf(name, sizeof(name), "%d.pem", ++authority->issued);
    authority_path(authority, name, pair.cert);
    snprintf(name, sizeof(name), "%d.key", authority->issued);
    authority_path(authority, name, pair.key);
    write_certificate(pair.cert, certificate);
    write_key(pair.key, key, NULL);
    chmod(pair.key, S_IRUSR | S_IWUSR);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return pair;
}

struct pair authority_issue_good(struct authority *authority, const char *names)
{
    return authority_issue(authority, names, -DAY_S, DAY_S);
}

void authority_encrypt_key(const struct pair *pair, const char *path)
{
    FILE *file = fopen(pair->key, "r");
    CHECK(file != NULL);
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    write_key(path, key, "passphrase");
    EVP_PKEY_free(key);
}
