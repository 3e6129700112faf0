// SPDX-License-Identifier: Apache-2.0
// Named pipes: servers and clients of one process.
//
// Nouns. A *class* is a name with what all its instances share. An *instance* is one server end; it
// has a *state*. A *link* is one connection between a server end and the client that opened it; it
// is what both look at, because an instance outlives its connections and may have the next one.
//
//   listening --client opens--> connected --DisconnectNamedPipe--> disconnected
//       ^                                                               |
//       +-------------------------ConnectNamedPipe----------------------+
//
// Data goes over a pair of stream sockets, made when the instance becomes listening: the client's
// half waits in the instance until somebody opens it. DisconnectNamedPipe puts a fresh pair behind
// the number of the server's descriptor, after everything in flight on the old one has ended.
//
// ConnectNamedPipe is a read of one byte, which the opener writes if, and only if, somebody waits:
//
//   server (ConnectNamedPipe)                   client (CreateFile)
//   1. lock; connected? say so                  1. lock; an instance that listens? take it
//   2. is_awaited = true; unlock                2. connected; is_awaited? write the byte; unlock
//   3. read one byte (cancellable)
//   4. ended: lock; is_awaited = false; not read but connected? take the byte; unlock
//
// Step 4 is for a cancel that meets the opener: the byte is no data, so it must not stay. Plain
// reads before that are refused with pipe_listening, so nothing else can take it.
//
// Rejected:
// - Keeping a waiting ConnectNamedPipe in a list of ours: cancelling and its race with the sink
//   would have to be solved a second time.
// - Message mode over SOCK_SEQPACKET: it drops what does not fit into a buffer, but Windows returns
//   ERROR_MORE_DATA and keeps the rest.
// - Files in /tmp or abstract socket names: other processes could connect, and nothing here could
//   keep Windows's rules for them.
//
// Invariants (guard: pipes_lock): state connected <=> link of the present connection; client_fd >=
// 0
// <=> listening; an instance is in its class until its handle is closed.
#include "kernel_iface/nt/named_pipe.hpp"

#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/futex.hpp"
#include "kernel_iface/linux/socket_call.hpp"
#include "kernel_iface/nt/pipe_server.hpp"
#include "kernel_iface/nt/wait.hpp"

#include <strings.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace rp::nt {

constinit announced_mutex pipes_lock;

namespace {

constexpr DWORD access_inbound = 1; // the client writes
constexpr DWORD access_outbound = 2;
constexpr DWORD first_instance = 0x00080000;
constexpr DWORD rejects_remote = 8;
constexpr DWORD unlimited_instances = 255;
constexpr DWORD default_timeout_ms = 50;

/// Counts changes that may end a WaitNamedPipe; a futex word.
constinit std::atomic<uint32_t> changes{0};

std::map<std::string, pipe_class>& classes() {
    static auto* const table = new std::map<std::string, pipe_class>;
    return *table;
}

/// Names do not distinguish case.
std::string key_of(const char* name) {
    std::string key(name);
    std::transform(key.begin(), key.end(), key.begin(), [](unsigned char c) {
        return static_cast<char>(std::tolower(c));
    });
    return key;
}

/// What a transfer shows when its socket said `code`.
ntstatus refined(const pipe_link& link, ntstatus code) noexcept {
    // mo: acquire, pairs pipe.disconnected (disconnect_pipe): set before the sockets were shut.
    if (code != status::success && link.is_disconnected.load(std::memory_order_acquire)) {
        return status::pipe_disconnected;
    }
    // The other end closed its descriptor without reading all of it.
    return code == status::connection_reset ? status::pipe_broken : code;
}

/// There is no event for "all was read", so it is asked for until it is.
ntstatus flush_link(const pipe_link& link, int fd) noexcept {
    constexpr int64_t tick_ns = 1'000'000;
    for (;;) {
        // mo: acquire, pairs pipe.disconnected (disconnect_pipe).
        if (link.is_disconnected.load(std::memory_order_acquire)) {
            return status::pipe_disconnected;
        }
        const int unread = kernel::bytes_unread_by_peer(fd);
        if (unread <= 0) {
            return status::success;
        }
        // mo: acquire, pairs pipe.client_gone (client_end::handle_closed).
        if (link.is_client_gone.load(std::memory_order_acquire)) {
            return status::pipe_broken;
        }
        sleep_until(kernel::now_ns() + tick_ns);
    }
}

} // namespace

void announce_pipe_change() noexcept {
    // mo: release, pairs pipes.changes (wait_for_pipe).
    changes.fetch_add(1, std::memory_order_release);
    kernel::futex_wake(changes, INT32_MAX);
}

ntstatus server_end::check() noexcept {
    const std::lock_guard guard(pipes_lock);
    switch (state) {
    case pipe_state::listening:
        return status::pipe_listening;
    case pipe_state::disconnected:
        return status::pipe_disconnected;
    case pipe_state::closed:
        return status::file_closed;
    case pipe_state::connected:
        break;
    }
    // The byte of the opener is not data.
    return is_awaited ? status::pipe_listening : status::success;
}

ntstatus server_end::refine(ntstatus code) noexcept {
    const std::lock_guard guard(pipes_lock);
    if (code != status::success && state == pipe_state::disconnected) {
        return status::pipe_disconnected;
    }
    return link ? refined(*link, code) : code;
}

ntstatus server_end::flush(int fd) noexcept {
    std::shared_ptr<pipe_link> present;
    if (const ntstatus code = check(); code != status::success) {
        return code;
    }
    {
        const std::lock_guard guard(pipes_lock);
        present = link;
    }
    return present ? flush_link(*present, fd) : status::pipe_disconnected;
}

void server_end::handle_closed() noexcept {
    {
        const std::lock_guard guard(pipes_lock);
        auto& instances = home->second.instances;
        instances.erase(std::find(instances.begin(), instances.end(), this));
        if (instances.empty()) {
            classes().erase(home);
        }
        close_client_fd();
        state = pipe_state::closed;
    }
    announce_pipe_change();
}

int server_end::make_pair() noexcept {
    int ends[2];
    const int error = kernel::make_socket_pair(ends);
    if (error == 0) {
        client_fd = ends[1];
    }
    return error == 0 ? ends[0] : error;
}

void server_end::close_client_fd() noexcept {
    if (client_fd >= 0) {
        kernel::close_descriptor(std::exchange(client_fd, -1));
    }
}

namespace {

class client_end final : public pipe_end {
public:
    explicit client_end(std::shared_ptr<pipe_link> link) noexcept : link_(std::move(link)) {}

    ntstatus check() noexcept override {
        // mo: acquire, pairs pipe.disconnected (disconnect_pipe).
        return link_->is_disconnected.load(std::memory_order_acquire) ? status::pipe_disconnected
                                                                      : status::success;
    }

    ntstatus refine(ntstatus code) noexcept override { return refined(*link_, code); }

    ntstatus flush(int fd) noexcept override { return flush_link(*link_, fd); }

    void handle_closed() noexcept override {
        // mo: release, pairs pipe.client_gone (flush_link, connect_pipe).
        link_->is_client_gone.store(true, std::memory_order_release);
    }

    void file_closed() noexcept override { delete this; }

private:
    const std::shared_ptr<pipe_link> link_;
};

/// The handle of an end. On failure the end and the descriptor are gone.
ntstatus publish_end(int fd, pipe_end& end, DWORD flags, bool reads, bool writes, HANDLE& made) {
    file_description about;
    about.fd = fd;
    about.kind = kernel::file_kind::pipe;
    about.is_overlapped = (flags & FILE_FLAG_OVERLAPPED) != 0;
    about.can_read = reads;
    about.can_write = writes;
    about.pipe = &end;
    kernel::descriptor_facts facts;
    static_cast<void>(kernel::describe_descriptor(fd, facts));
    about.identity = facts.identity;
    const auto file = make_object<file_object>(about);
    if (!file) {
        kernel::close_descriptor(fd);
        end.handle_closed();
        end.file_closed();
        return status::no_memory;
    }
    const ntstatus code = handles().insert(*file, made);
    if (code != status::success) {
        file->last_handle_closed();
    }
    return code;
}

ntstatus check_call(const pipe_call& call) noexcept {
    constexpr DWORD known_flags = access_inbound | access_outbound | first_instance |
                                  FILE_FLAG_OVERLAPPED | FILE_FLAG_WRITE_THROUGH;
    if (!is_pipe_name(call.name)) {
        return status::object_name_invalid;
    }
    const bool is_mode_known =
        (call.open_mode & ~known_flags) == 0 && (call.pipe_mode & ~rejects_remote) == 0;
    const bool has_access = (call.open_mode & (access_inbound | access_outbound)) != 0;
    const bool is_count_good = call.instances_max >= 1 && call.instances_max <= unlimited_instances;
    return is_mode_known && has_access && is_count_good ? status::success
                                                        : status::invalid_parameter;
}

/// Needs the lock. May this instance be added to its class?
ntstatus check_class(const pipe_class& found, const pipe_call& call, DWORD access) noexcept {
    if (found.instances.empty()) {
        return status::success;
    }
    if ((call.open_mode & first_instance) != 0 || found.access != access) {
        return status::access_denied;
    }
    const bool is_full =
        found.instances_max != unlimited_instances && found.instances.size() >= found.instances_max;
    return is_full ? status::instance_not_available : status::success;
}

/// Needs the lock. An instance somebody may open, the oldest first, or nullptr.
server_end* find_listening(const pipe_class& found) noexcept {
    for (server_end* one : found.instances) {
        if (one->state == pipe_state::listening) {
            return one;
        }
    }
    return nullptr;
}

} // namespace

bool is_pipe_name(const char* name) noexcept {
    constexpr const char* prefix = "\\\\.\\pipe\\";
    if (name == nullptr || strncasecmp(name, prefix, std::strlen(prefix)) != 0) {
        return false;
    }
    return name[std::strlen(prefix)] != '\0';
}

ntstatus create_pipe(const pipe_call& call, HANDLE& made) noexcept {
    made = INVALID_HANDLE_VALUE;
    ntstatus code = check_call(call);
    if (code != status::success) {
        return code;
    }
    const DWORD access = call.open_mode & (access_inbound | access_outbound);
    std::unique_ptr<server_end> end;
    int fd = -1;
    try {
        const std::lock_guard guard(pipes_lock);
        const auto [where, is_new] = classes().try_emplace(key_of(call.name));
        pipe_class& home = where->second;
        code = check_class(home, call, access);
        if (code == status::success) {
            end = std::make_unique<server_end>(where);
            home.instances.reserve(home.instances.size() + 1);
            fd = end->make_pair();
            code = fd < 0 ? status_of_errno(-fd, io_domain::file) : status::success;
        }
        if (code != status::success) {
            if (home.instances.empty()) {
                classes().erase(where);
            }
            return code;
        }
        if (home.instances.empty()) {
            home.access = access;
            home.instances_max = call.instances_max;
            home.timeout_ms = call.timeout_ms != 0 ? call.timeout_ms : default_timeout_ms;
        }
        home.instances.push_back(end.get());
    } catch (const std::bad_alloc&) {
        return status::no_memory;
    }
    HANDLE fresh = nullptr;
    code = publish_end(fd,
                       *end.release(),
                       call.open_mode,
                       (access & access_inbound) != 0,
                       (access & access_outbound) != 0,
                       fresh);
    if (code == status::success) {
        made = fresh;
        announce_pipe_change();
    }
    return code;
}

ntstatus open_pipe(const open_call& call, HANDLE& made) noexcept {
    made = INVALID_HANDLE_VALUE;
    const bool reads = (call.access & (GENERIC_READ | GENERIC_ALL | FILE_READ_DATA)) != 0;
    const bool writes = (call.access & (GENERIC_WRITE | GENERIC_ALL | FILE_WRITE_DATA)) != 0;
    if (call.disposition != OPEN_EXISTING && call.disposition != OPEN_ALWAYS) {
        return status::access_denied;
    }
    std::unique_ptr<client_end> end;
    int fd = -1;
    try {
        const std::lock_guard guard(pipes_lock);
        const auto found = classes().find(key_of(call.name));
        if (found == classes().end()) {
            return status::object_name_not_found;
        }
        const DWORD access = found->second.access;
        if ((reads && (access & access_outbound) == 0) ||
            (writes && (access & access_inbound) == 0)) {
            return status::access_denied;
        }
        server_end* const server = find_listening(found->second);
        if (server == nullptr) {
            return status::pipe_not_available;
        }
        auto link = std::make_shared<pipe_link>();
        end = std::make_unique<client_end>(link);
        fd = std::exchange(server->client_fd, -1);
        server->link = std::move(link);
        server->state = pipe_state::connected;
        if (server->is_awaited) {
            kernel::send_byte(fd); // a fresh socket has room
        }
    } catch (const std::bad_alloc&) {
        return status::no_memory;
    }
    HANDLE fresh = nullptr;
    const ntstatus code = publish_end(fd, *end.release(), call.flags, reads, writes, fresh);
    if (code == status::success) {
        made = fresh;
    }
    return code;
}

ntstatus wait_for_pipe(const char* name, DWORD timeout_ms) noexcept {
    if (!is_pipe_name(name)) {
        return status::object_name_invalid;
    }
    int64_t deadline_ns = 0;
    for (bool is_late = false;;) {
        // mo: acquire, pairs pipes.changes (announce_pipe_change): read before looking.
        const uint32_t seen = changes.load(std::memory_order_acquire);
        try {
            const std::lock_guard guard(pipes_lock);
            const auto found = classes().find(key_of(name));
            if (found == classes().end()) {
                return status::object_name_not_found;
            }
            if (find_listening(found->second) != nullptr) {
                return status::success;
            }
            if (deadline_ns == 0) {
                // 0: what the server chose; INFINITE is the number Windows uses as well.
                deadline_ns =
                    deadline_after_ms(timeout_ms != 0 ? timeout_ms : found->second.timeout_ms);
            }
        } catch (const std::bad_alloc&) {
            return status::no_memory;
        }
        if (is_late) {
            return status::io_timeout;
        }
        const kernel::blocking_scope announced;
        is_late = kernel::futex_wait(changes, seen, deadline_ns) == -ETIMEDOUT;
    }
}

} // namespace rp::nt
