#include "mlx/got.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace anymetal::mlx {
namespace {

struct Module {
  ElfW(Addr) base = 0;
  const ElfW(Sym) * symbols = nullptr;
  const char* strings = nullptr;
  const ElfW(Rela) * relocations = nullptr;
  size_t relocation_bytes = 0;
  const ElfW(Rela) * jump_slots = nullptr;
  size_t jump_slot_bytes = 0;
};

bool holds(const dl_phdr_info& info, const void* address) {
  const auto where = reinterpret_cast<ElfW(Addr)>(address);
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    const auto& header = info.dlpi_phdr[i];
    const ElfW(Addr) begin = info.dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_LOAD && where >= begin && where < begin + header.p_memsz) return true;
  }
  return false;
}

Module read_module(const dl_phdr_info& info) {
  Module module;
  module.base = info.dlpi_addr;
  const ElfW(Dyn)* dynamic = nullptr;
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    if (info.dlpi_phdr[i].p_type == PT_DYNAMIC) {
      dynamic = reinterpret_cast<const ElfW(Dyn)*>(info.dlpi_addr + info.dlpi_phdr[i].p_vaddr);
    }
  }
  if (!dynamic) return module;
  // glibc has made these addresses absolute for every object but the vDSO, whose are below its
  // base.
  const auto at = [&](const ElfW(Dyn) * entry) {
    return entry->d_un.d_ptr < info.dlpi_addr ? info.dlpi_addr + entry->d_un.d_ptr
                                              : entry->d_un.d_ptr;
  };
  for (; dynamic->d_tag != DT_NULL; ++dynamic) {
    switch (dynamic->d_tag) {
      case DT_SYMTAB:
        module.symbols = reinterpret_cast<const ElfW(Sym)*>(at(dynamic));
        break;
      case DT_STRTAB:
        module.strings = reinterpret_cast<const char*>(at(dynamic));
        break;
      case DT_RELA:
        module.relocations = reinterpret_cast<const ElfW(Rela)*>(at(dynamic));
        break;
      case DT_RELASZ:
        module.relocation_bytes = dynamic->d_un.d_val;
        break;
      case DT_JMPREL:
        module.jump_slots = reinterpret_cast<const ElfW(Rela)*>(at(dynamic));
        break;
      case DT_PLTRELSZ:
        module.jump_slot_bytes = dynamic->d_un.d_val;
        break;
      default:
        break;
    }
  }
  return module;
}

bool is_slot(uint64_t type) {
#if defined(__x86_64__)
  return type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT;
#elif defined(__aarch64__)
  return type == R_AARCH64_JUMP_SLOT || type == R_AARCH64_GLOB_DAT;
#else
#error "the relocation types of this machine are missing here"
#endif
}

/// The linker may have made the page read-only (RELRO); it stays writable afterwards, since the
/// neighbours of the slot may be lazily bound.
bool write_slot(void** slot, void* value) {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(slot) & ~(page - 1);
  if (mprotect(reinterpret_cast<void*>(begin), page, PROT_READ | PROT_WRITE) != 0) return false;
  __atomic_store_n(slot, value, __ATOMIC_RELEASE);
  return true;
}

struct Visit {
  std::span<const Redirection> redirections;
  const void* library;
  Scope scope;
  int rewritten = 0;
};

void rewrite(const Module& module, const ElfW(Rela) * begin, size_t bytes, Visit& visit) {
  for (size_t i = 0; i < bytes / sizeof(*begin); ++i) {
    const auto& relocation = begin[i];
    if (!is_slot(ELF64_R_TYPE(relocation.r_info))) continue;
    const auto& symbol = module.symbols[ELF64_R_SYM(relocation.r_info)];
    const std::string_view name = module.strings + symbol.st_name;
    if (name.size() < 10 || !name.starts_with("_ZN3mlx4core")) {
      if (!name.starts_with("PyErr")) continue;
    }
    for (const auto& redirection : visit.redirections) {
      if (redirection.symbol != name) continue;
      auto** slot = reinterpret_cast<void**>(module.base + relocation.r_offset);
      if (*slot != redirection.to && write_slot(slot, redirection.to)) ++visit.rewritten;
    }
  }
}

int visit_module(dl_phdr_info* info, size_t, void* data) {
  auto& visit = *static_cast<Visit*>(data);
  const bool there = holds(*info, visit.library);
  if (there != (visit.scope == Scope::only_there)) return 0;
  if (holds(*info, reinterpret_cast<const void*>(&redirect_calls))) return 0;
  const Module module = read_module(*info);
  if (!module.symbols || !module.strings) return 0;
  if (module.relocations) rewrite(module, module.relocations, module.relocation_bytes, visit);
  if (module.jump_slots) rewrite(module, module.jump_slots, module.jump_slot_bytes, visit);
  return 0;
}

}  // namespace

int redirect_calls(std::span<const Redirection> redirections, const void* library, Scope scope) {
  Visit visit{redirections, library, scope};
  dl_iterate_phdr(visit_module, &visit);
  return visit.rewritten;
}

}  // namespace anymetal::mlx
