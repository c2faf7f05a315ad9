// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Memory;

namespace LguestPlug.Emulator.Translation;

/// <summary>
/// The TLB that generated code looks into: one addend for each page of the linear address space, for user and supervisor, reads and
/// writes. It holds what the <see cref="Mmu"/> found and is emptied together with it.
/// </summary>
/// <remarks>
/// The first and the last page of the address space are never entered: the sum of an address and a displacement, which generated
/// code makes with 64 bits, could otherwise wrap around and reach host memory.
/// </remarks>
internal sealed unsafe class FlatTlb
{
    private const uint LastPage = 0xFFFFF;

    private readonly View _supervisor;
    private readonly View _user;
    private readonly PageWalkerState* _walker;

    public FlatTlb(TranslatorMemory memory)
    {
        _supervisor = new View(memory, user: false);
        _user = new View(memory, user: true);
        _walker = memory.Walker;
    }

    /// <summary>Pages entered so far by the runtime.</summary>
    public long Fills { get; private set; }

    /// <summary>Pages entered so far by generated code, each after a walk of its own.</summary>
    public long NativeFills => _walker->Walks;

    /// <summary>Enters a page.</summary>
    /// <param name="user">The view.</param>
    /// <param name="address">Any address in it.</param>
    /// <param name="addend">Host address minus linear address.</param>
    /// <param name="writable">Stores need no further check.</param>
    public void Fill(bool user, uint address, nint addend, bool writable)
    {
        if (CanHold(address))
        {
            Fills++;
            (user ? _user : _supervisor).Fill(address >> 12, addend, writable);
        }
    }

    /// <summary>False for the pages that are never entered.</summary>
    public static bool CanHold(uint address) => address >> 12 is not (0 or LastPage);

    /// <summary>What is there for reads of an address, or 0.</summary>
    public nint Addend(bool user, uint address) => (user ? _user : _supervisor).Addend(address >> 12);

    /// <summary>True if a page is there.</summary>
    public bool Has(bool user, uint address) => (user ? _user : _supervisor).Has(address >> 12);

    /// <summary>Empties all views.</summary>
    public void Flush()
    {
        _supervisor.Clear();
        _user.Clear();
    }

    /// <summary>Drops one page.</summary>
    public void FlushPage(uint address)
    {
        _supervisor.Drop(address >> 12);
        _user.Drop(address >> 12);
    }

    /// <summary>Drops all pages below an address.</summary>
    public void FlushBelow(uint limit)
    {
        _supervisor.DropBelow(limit >> 12);
        _user.DropBelow(limit >> 12);
    }

    /// <summary>Takes back write permission from every mapping of a host page.</summary>
    public void WithdrawWrites(nint host)
    {
        _supervisor.WithdrawWrites(host);
        _user.WithdrawWrites(host);
    }

    /// <summary>Takes back write permission from everything, and tells what is there.</summary>
    public void WithdrawAllWrites(TrialMappings mappings)
    {
        _supervisor.WithdrawAllWrites(mappings);
        _user.WithdrawAllWrites(mappings);
    }

    /// <summary>Drops every mapping of a host page.</summary>
    public void DropHost(nint host)
    {
        _supervisor.DropHost(host);
        _user.DropHost(host);
    }

    // Generated code fills, too (PageWalker).
    private sealed class View(TranslatorMemory memory, bool user)
    {
        private readonly nint* _reads = memory.FlatTlb(user, write: false);
        private readonly nint* _writes = memory.FlatTlb(user, write: true);
        private readonly uint* _filled = memory.FilledList(user);
        private readonly int* _count = user ? &memory.Walker->UserFilled : &memory.Walker->SupervisorFilled;

        public void Fill(uint page, nint addend, bool writable)
        {
            if (_reads[page] == 0)
            {
                if (*_count == TranslatorMemory.MaxFilled)
                {
                    Clear();
                }

                _filled[(*_count)++] = page;
            }

            _reads[page] = addend;
            _writes[page] = writable ? addend : 0;
        }

        public nint Addend(uint page) => _reads[page];

        public bool Has(uint page) => _reads[page] != 0;

        public void Clear()
        {
            for (int i = 0; i < *_count; i++)
            {
                Drop(_filled[i]);
            }

            *_count = 0;
        }

        // The page stays on the list; filled again it is there twice, which is harmless.
        public void Drop(uint page)
        {
            _reads[page] = 0;
            _writes[page] = 0;
        }

        public void DropBelow(uint limit)
        {
            int kept = 0;
            for (int i = 0; i < *_count; i++)
            {
                if (_filled[i] < limit)
                {
                    Drop(_filled[i]);
                }
                else
                {
                    _filled[kept++] = _filled[i];
                }
            }

            *_count = kept;
        }

        public void WithdrawAllWrites(TrialMappings mappings)
        {
            for (int i = 0; i < *_count; i++)
            {
                uint page = _filled[i];
                _writes[page] = 0;
                if (_reads[page] != 0)
                {
                    mappings.Note((byte*)((nint)(page << 12) + _reads[page]));
                }
            }
        }

        public void DropHost(nint host)
        {
            for (int i = 0; i < *_count; i++)
            {
                uint page = _filled[i];
                if (_reads[page] != 0 && (nint)(page << 12) + _reads[page] == host)
                {
                    Drop(page);
                }
            }
        }

        public void WithdrawWrites(nint host)
        {
            for (int i = 0; i < *_count; i++)
            {
                uint page = _filled[i];
                if (_writes[page] != 0 && (nint)(page << 12) + _writes[page] == host)
                {
                    _writes[page] = 0;
                }
            }
        }
    }
}
