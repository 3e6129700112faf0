// SPDX-License-Identifier: Apache-2.0
#pragma once
// Names of hosts and the text form of addresses. Families and flags are Windows's.
#include <windows.h>

#include <cstddef>
#include <cstdint>

namespace rp::nt {

/// Of getaddrinfo: what is asked for, and each answer.
struct name_query {
    const char* node = nullptr;
    const char* service = nullptr;
    bool is_passive = false;
    bool wants_canonical = false;
    bool is_numeric_node = false;
    bool is_numeric_service = false;
    int family = 0;
    int type = 0;
    int protocol = 0;
};

struct name_answer {
    int family;
    int type;
    int protocol;
    const char* canonical; ///< with the first answer, or nullptr
    const void* address;   ///< as Windows writes it
    size_t address_bytes;
};

/// Calls `visit` for each answer until it returns false. 0 or a WSA code. Sleeps, announced.
DWORD resolve(const name_query& query,
              bool (*visit)(void* context, const name_answer& answer) noexcept,
              void* context) noexcept;

/// inet_pton and inet_ntop: 1, 0 (no such address), -1 (family); the text, or nullptr.
int address_of_text(int family, const char* text, void* address) noexcept;
const char*
text_of_address(int family, const void* address, char* text, size_t text_bytes) noexcept;
/// inet_addr: dotted decimal in all its forms; all ones when it is none.
uint32_t ipv4_of_text(const char* text) noexcept;

} // namespace rp::nt
