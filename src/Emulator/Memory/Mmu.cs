// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LguestPlug.Emulator.Decoding;
using LguestPlug.Emulator.Translation;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Memory;

/// <summary>
/// Linear memory: a direct-mapped software TLB per privilege in front of the system's page walk. The fast paths
/// (<see cref="Load32"/> and its kin) are one compare; everything else (misses, page crossings, writes to pages that hold
/// decoded code) is out of line here.
/// </summary>
internal sealed unsafe class Mmu : IDisposable
{
    /// <summary>Set in a load's result when the access faulted; the fault is in the CPU state.</summary>
    public const ulong Faulted = 1ul << 32;

    /// <summary>In <see cref="CpuState.FaultVector"/>: the system changed course, nothing is to be delivered.</summary>
    public const uint Abandoned = 0x100;

    public const uint PageMask = 0xFFFFF000;

    private const int Entries = 4096;

    /// <summary>Bits of a page's number that say where in the TLB it may be.</summary>
    public const int IndexMask = Entries - 1;

    private const int FilledListLength = 512;

    private readonly CpuState* _state;
    private readonly CpuSystem _system;
    private readonly PhysicalMemory _memory;
    private readonly View _supervisor;
    private readonly View _user;
    private readonly byte* _executed;
    private readonly uint[] _executedBytes = new uint[512];
    private int _executedCount;
    private readonly FlatTlb? _flat;
    private long _walks;
    private TrialMemory? _trial;
    private TrialMappings? _mappings;

    public Mmu(CpuState* state, CpuSystem system, PhysicalMemory memory, CodePages code, FlatTlb? flat)
    {
        _state = state;
        _system = system;
        _memory = memory;
        _supervisor = new View();
        _user = new View();
        // One bit for each linear page that code was fetched from since the last full flush.
        _executed = (byte*)NativeMemory.AllocZeroed(1 << 17);
        Code = code;
        _flat = flat;
        Select(user: false);
    }

    /// <summary>Told of pages that leave the TLB and asked about writes to decoded code.</summary>
    public CodePages Code { get; }

    public void Dispose()
    {
        _supervisor.Free();
        _user.Free();
        NativeMemory.Free(_executed);
    }

    /// <summary>Walks through the guest's page tables so far, faults included.</summary>
    public long Walks => _walks + (_flat?.NativeFills ?? 0);

    /// <summary>Pages entered into the TLB so far.</summary>
    public long Fills { get; private set; }

    /// <summary>Times that everything, or all below an address, was dropped.</summary>
    public long Flushes { get; private set; }

    /// <summary>Times that one page was dropped.</summary>
    public long PageFlushes { get; private set; }

    /// <summary>Pages entered so far into the TLB that generated code looks into.</summary>
    public long FlatFills => _flat == null ? 0 : _flat.Fills + _flat.NativeFills;

    /// <summary>One bit for each linear page that code was fetched from since the last full flush.</summary>
    public byte* ExecutedPages => _executed;

    /// <summary>The user or the supervisor view.</summary>
    public TlbEntry* Tlb(bool user) => (user ? _user : _supervisor).Entries;

    /// <summary>Makes the user or the supervisor view current.</summary>
    public void Select(bool user) => _state->Tlb = Tlb(user);

    public void Flush()
    {
        Flushes++;
        _supervisor.Clear();
        _user.Clear();
        _flat?.Flush();
        ForgetExecuted();
        Code.NewGeneration();
    }

    private void ForgetExecuted()
    {
        if (_executedCount > _executedBytes.Length)
        {
            NativeMemory.Clear(_executed, 1 << 17);
        }
        else
        {
            for (int n = 0; n < _executedCount; n++)
            {
                _executed[_executedBytes[n]] = 0;
            }
        }

        _executedCount = 0;
    }

    public void FlushPage(uint address)
    {
        PageFlushes++;
        uint index = (address >> 12) & IndexMask;
        _supervisor.Drop(index, address & PageMask);
        _user.Drop(index, address & PageMask);
        _flat?.FlushPage(address);
        if ((_executed[address >> 15] & (1 << (int)((address >> 12) & 7))) != 0)
        {
            Code.NewGeneration();
        }
    }

    public void FlushBelow(uint limit)
    {
        Flushes++;
        _supervisor.DropBelow(limit);
        _user.DropBelow(limit);
        _flat?.FlushBelow(limit);
        Code.NewGeneration();
    }

    /// <summary>Withdraws write permission from every mapping of a physical page, because it now holds decoded code.</summary>
    public void WithdrawWrites(uint physicalPage)
    {
        nint host = (nint)(_memory.Base + physicalPage);
        _supervisor.WithdrawWrites(host);
        _user.WithdrawWrites(host);
        _flat?.WithdrawWrites(host);
    }

    // ---- trials -------------------------------------------------------------------------------------------------------

    /// <summary>To be called before the first of several trials.</summary>
    public void PrepareTrials(TrialMappings mappings)
    {
        // So that the first write to each page comes here.
        mappings.Clear();
        _supervisor.WithdrawAllWrites(mappings);
        _user.WithdrawAllWrites(mappings);
        _flat?.WithdrawAllWrites(mappings);
        _mappings = mappings;
    }

    /// <summary>From here on what is written goes to the trial's copies of pages.</summary>
    public void BeginTrial(TrialMemory trial) => _trial = trial;

    /// <summary>Goes back to guest memory.</summary>
    public void EndTrial()
    {
        foreach (uint page in _mappings!.Temporary)
        {
            uint index = (page >> 12) & IndexMask;
            _supervisor.Drop(index, page);
            _user.Drop(index, page);
            _flat?.FlushPage(page);
        }

        _mappings.Temporary.Clear();
        _trial = null;
    }

    /// <summary>Enters a page into the TLB as the trial sees it. One to be written is copied first. Null if it is one too many.</summary>
    private byte* FillInTrial(View view, uint page, uint physicalPage, bool write, bool writable)
    {
        uint index = (page >> 12) & IndexMask;
        if (write && !_trial!.IsCopied(physicalPage))
        {
            if (!_trial.TryCopy(physicalPage))
            {
                _state->FaultVector = Abandoned;
                return null;
            }

            // Nobody may see it at its old place any more.
            int own = (view.Entries[index].ReadTag == page ? 1 : 0) + (_flat != null && _flat.Has(view == _user, page) ? 1 : 0);
            if (_mappings!.Forget(physicalPage) <= own)
            {
                view.Drop(index, page);
                _flat?.FlushPage(page);
            }
            else
            {
                nint old = (nint)(_memory.Base + physicalPage);
                _supervisor.DropHost(old);
                _user.DropHost(old);
                _flat?.DropHost(old);
            }
        }

        bool copied = _trial!.IsCopied(physicalPage);
        if (copied)
        {
            _mappings!.Temporary.Add(page);
        }
        else
        {
            _mappings!.Note(physicalPage);
        }

        byte* host = _trial.HostOf(physicalPage);
        view.Fill(index, page, (nint)host - (nint)page, writable, writable && copied && !Code.HasCode(physicalPage));
        return host;
    }

    /// <summary>Guest-physical address of a byte of the guest's.</summary>
    private uint PhysicalOf(byte* host) => _trial != null ? _trial.PhysicalOf(host) : (uint)(host - _memory.Base);

    // ---- fast paths -------------------------------------------------------------------------------------------------

    // Static, with the MMU handed in: an instance method would test it for null at every access.

    /// <summary>Loads 32 bits; <see cref="Faulted"/> is set in the result if that was not possible.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Load32(Mmu mmu, CpuState* s, uint address)
    {
        TlbEntry* e = Entry(s, address);
        return e->ReadTag == ((address + 3) & PageMask) ? *(uint*)((nint)address + e->Addend) : mmu.LoadSlow(address, 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Load16(Mmu mmu, CpuState* s, uint address)
    {
        TlbEntry* e = Entry(s, address);
        return e->ReadTag == ((address + 1) & PageMask) ? *(ushort*)((nint)address + e->Addend) : mmu.LoadSlow(address, 2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Load8(Mmu mmu, CpuState* s, uint address)
    {
        TlbEntry* e = Entry(s, address);
        return e->ReadTag == (address & PageMask) ? *(byte*)((nint)address + e->Addend) : mmu.LoadSlow(address, 1);
    }

    /// <summary>Loads what will be written back: a page that cannot be written faults here, as a write.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong LoadForWrite32(Mmu mmu, CpuState* s, uint address)
    {
        TlbEntry* e = Entry(s, address);
        return e->WriteTag == ((address + 3) & PageMask) ? *(uint*)((nint)address + e->Addend) : mmu.LoadForWriteSlow(address, 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong LoadForWrite16(Mmu mmu, CpuState* s, uint address)
    {
        TlbEntry* e = Entry(s, address);
        return e->WriteTag == ((address + 1) & PageMask) ? *(ushort*)((nint)address + e->Addend) : mmu.LoadForWriteSlow(address, 2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong LoadForWrite8(Mmu mmu, CpuState* s, uint address)
    {
        TlbEntry* e = Entry(s, address);
        return e->WriteTag == (address & PageMask) ? *(byte*)((nint)address + e->Addend) : mmu.LoadForWriteSlow(address, 1);
    }

    /// <summary>Stores 32 bits; false if that faulted and nothing was written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Store32(Mmu mmu, CpuState* s, uint address, uint value)
    {
        TlbEntry* e = Entry(s, address);
        if (e->WriteTag == ((address + 3) & PageMask))
        {
            *(uint*)((nint)address + e->Addend) = value;
            return true;
        }

        return mmu.StoreSlow(address, 4, value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Store16(Mmu mmu, CpuState* s, uint address, uint value)
    {
        TlbEntry* e = Entry(s, address);
        if (e->WriteTag == ((address + 1) & PageMask))
        {
            *(ushort*)((nint)address + e->Addend) = (ushort)value;
            return true;
        }

        return mmu.StoreSlow(address, 2, value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Store8(Mmu mmu, CpuState* s, uint address, uint value)
    {
        TlbEntry* e = Entry(s, address);
        if (e->WriteTag == (address & PageMask))
        {
            *(byte*)((nint)address + e->Addend) = (byte)value;
            return true;
        }

        return mmu.StoreSlow(address, 1, value);
    }

    /// <summary>The entry an address may be in: bits 12 and up of the address, times the size of an entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TlbEntry* Entry(CpuState* s, uint address) => (TlbEntry*)((byte*)s->Tlb + ((address >> 8) & (IndexMask << 4)));

    // ---- any size, for the slow path ----------------------------------------------------------------------------------

    /// <summary>Copies guest bytes out; false on a fault.</summary>
    public bool Read(uint address, byte* destination, uint length)
    {
        while (length > 0)
        {
            byte* p = Translate(address, write: false);
            if (p == null)
            {
                return false;
            }

            uint n = Math.Min(length, 0x1000 - (address & 0xFFF));
            Unsafe.CopyBlockUnaligned(destination, p, n);
            destination += n;
            address += n;
            length -= n;
        }

        return true;
    }

    /// <summary>Checks that a write of at most one page would succeed; false on a fault.</summary>
    public bool ProbeWrite(uint address, uint length) =>
        Translate(address, write: true) != null
        && (((address & 0xFFF) + length <= 0x1000) || Translate((address | 0xFFF) + 1, write: true) != null);

    /// <summary>Copies bytes into the guest, all or (on a fault) none of them; at most one page.</summary>
    public bool Write(uint address, byte* source, uint length)
    {
        uint first = Math.Min(length, 0x1000 - (address & 0xFFF));
        byte* p = Translate(address, write: true);
        if (p == null)
        {
            return false;
        }

        if (first < length)
        {
            byte* q = Translate(address + first, write: true);
            if (q == null)
            {
                return false;
            }

            CopyIn(q, source + first, length - first);
        }

        CopyIn(p, source, first);
        return true;
    }

    /// <summary>
    /// Host address of one byte, valid to the end of its page; null after a fault. After asking for writing the caller must
    /// announce what it writes through <see cref="BeforeWrite"/>.
    /// </summary>
    public byte* Translate(uint address, bool write)
    {
        uint index = (address >> 12) & IndexMask;
        uint page = address & PageMask;
        View view = _state->Cpl == 3 ? _user : _supervisor;
        TlbEntry* e = view.Entries + index;
        if (e->ReadTag == page && (!write || view.Writable[index] == page))
        {
            byte* hit = (byte*)((nint)address + e->Addend);
            if (!write || e->WriteTag == page)
            {
                return hit;
            }

            uint physical = PhysicalOf(hit);
            if (_trial != null)
            {
                byte* copy = FillInTrial(view, page, physical & PageMask, write: true, writable: true);
                return copy == null ? null : copy + (address & 0xFFF);
            }

            if (!Code.HasCode(physical))
            {
                // The page held decoded code when it was entered and no longer does.
                e->WriteTag = page;
            }

            return hit;
        }

        PageAccess access = (write ? PageAccess.Write : PageAccess.None) | (_state->Cpl == 3 ? PageAccess.User : PageAccess.None);
        _walks += _trial == null ? 1 : 0;
        bool hasEffect = false;
        PageWalk walk;
        switch (_trial == null ? _system.Walk(address, access, out walk) : _system.Probe(address, access, out walk, out hasEffect))
        {
            case WalkStatus.Mapped:
                if (_trial != null)
                {
                    if (hasEffect)
                    {
                        _mappings!.Temporary.Add(page);
                    }

                    byte* host = FillInTrial(view, page, walk.PhysicalPage, write, walk.Writable);
                    return host == null ? null : host + (address & 0xFFF);
                }

                Fills++;
                nint addend = (nint)(_memory.Base + walk.PhysicalPage) - (nint)page;
                bool plainWrites = walk.Writable && !Code.HasCode(walk.PhysicalPage);
                view.Fill(index, page, addend, walk.Writable, plainWrites);
                if (_flat != null && _mappings == null)
                {
                    // Generated code will come here, too; while trials are made, only when it does.
                    _flat.Fill(view == _user, page, addend, plainWrites);
                }

                return _memory.Base + walk.PhysicalPage + (address & 0xFFF);
            case WalkStatus.Fault:
                _state->FaultVector = TrapVector.PageFault;
                _state->FaultError = walk.ErrorCode;
                _state->FaultAddress = address;
                return null;
            default:
                _state->FaultVector = Abandoned;
                return null;
        }
    }

    /// <summary>As <see cref="Translate"/>, and enters the page into the flat TLB. <paramref name="direct"/>: writes need no announcement.</summary>
    public byte* TranslateForGeneratedCode(uint address, bool write, out bool direct)
    {
        byte* host = Translate(address, write);
        direct = false;
        if (host != null)
        {
            bool user = _state->Cpl == 3;
            TlbEntry* e = (user ? _user : _supervisor).Entries + ((address >> 12) & IndexMask);
            direct = e->WriteTag == (address & PageMask);
            _flat!.Fill(user, address, e->Addend, direct);
            _mappings?.Note(PhysicalOf(host));
        }

        return host;
    }

    /// <summary>Guest-physical address of an instruction byte, or <see cref="Block.NoPage"/> after a fault.</summary>
    public uint TranslateFetch(uint address)
    {
        byte* p = Translate(address, write: false);
        if (p == null)
        {
            return Block.NoPage;
        }

        uint physical = PhysicalOf(p);
        if (_trial != null && _trial.IsCopied(physical & PageMask))
        {
            // Code is made from guest memory itself only.
            _trial.WasCut = true;
            _state->FaultVector = Abandoned;
            return Block.NoPage;
        }

        byte* executed = _executed + (address >> 15);
        if (*executed == 0)
        {
            if (_executedCount < _executedBytes.Length)
            {
                _executedBytes[_executedCount] = address >> 15;
            }

            _executedCount = Math.Min(_executedCount + 1, _executedBytes.Length + 1);
        }

        *executed |= (byte)(1 << (int)((address >> 12) & 7));
        return physical;
    }

    /// <summary>
    /// As <see cref="TranslateFetch"/>, and enters the page into the flat TLB. <paramref name="addend"/>: what is there now, 0 if nothing
    /// can be.
    /// </summary>
    public uint TranslateFetchForGeneratedCode(uint address, out nint addend)
    {
        uint physical = TranslateFetch(address);
        addend = 0;
        if (physical != Block.NoPage)
        {
            bool user = _state->Cpl == 3;
            TlbEntry* e = (user ? _user : _supervisor).Entries + ((address >> 12) & IndexMask);
            addend = _flat!.Addend(user, address);
            if (addend != e->Addend)
            {
                _flat.Fill(user, address, e->Addend, e->WriteTag == (address & PageMask));
                _mappings?.Note(physical & PageMask);
                addend = _flat.Addend(user, address);
            }
        }

        return physical;
    }

    /// <summary>Throws away decoded code that a write is about to change.</summary>
    public void BeforeWrite(byte* host, uint length) => Code.BeforeWrite(PhysicalOf(host), length);

    private void CopyIn(byte* host, byte* source, uint length)
    {
        BeforeWrite(host, length);
        Unsafe.CopyBlockUnaligned(host, source, length);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private ulong LoadSlow(uint address, uint size)
    {
        ulong value = 0;
        if ((address & 0xFFF) + size <= 0x1000)
        {
            byte* p = Translate(address, write: false);
            if (p == null)
            {
                return Faulted;
            }

            Unsafe.CopyBlockUnaligned(&value, p, size);
            return value;
        }

        return Read(address, (byte*)&value, size) ? value : Faulted;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private ulong LoadForWriteSlow(uint address, uint size) => ProbeWrite(address, size) ? LoadSlow(address, size) : Faulted;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool StoreSlow(uint address, uint size, uint value) => Write(address, (byte*)&value, size);

    /// <summary>The TLB of one privilege, with a list of what is in it so that flushing costs what was filled.</summary>
    private sealed class View
    {
        public readonly TlbEntry* Entries;

        /// <summary>For each entry the page that may be written, decoded code on it or not.</summary>
        public readonly uint* Writable;

        private readonly ushort* _filled;
        private int _filledCount;

        public View()
        {
            Entries = (TlbEntry*)NativeMemory.AlignedAlloc((nuint)(Mmu.Entries * sizeof(TlbEntry)), 64);
            Writable = (uint*)NativeMemory.Alloc(Mmu.Entries * sizeof(uint));
            _filled = (ushort*)NativeMemory.Alloc(FilledListLength * sizeof(ushort));
            _filledCount = FilledListLength;
            Clear();
        }

        public void Free()
        {
            NativeMemory.AlignedFree(Entries);
            NativeMemory.Free(Writable);
            NativeMemory.Free(_filled);
        }

        public void Fill(uint index, uint page, nint addend, bool writable, bool plainWrites)
        {
            TlbEntry* e = Entries + index;
            if (e->ReadTag == TlbEntry.NoTag)
            {
                if (_filledCount < FilledListLength)
                {
                    _filled[_filledCount] = (ushort)index;
                }

                _filledCount = Math.Min(_filledCount + 1, FilledListLength + 1);
            }

            e->ReadTag = page;
            e->WriteTag = plainWrites ? page : TlbEntry.NoTag;
            e->Addend = addend;
            Writable[index] = writable ? page : TlbEntry.NoTag;
        }

        public void Clear()
        {
            if (_filledCount < FilledListLength)
            {
                for (int i = 0; i < _filledCount; i++)
                {
                    Reset(_filled[i]);
                }
            }
            else
            {
                for (uint i = 0; i < Mmu.Entries; i++)
                {
                    Reset(i);
                }
            }

            _filledCount = 0;
        }

        public void Drop(uint index, uint page)
        {
            // An entry without tags stays on the list: filling it again adds it once more, which is harmless.
            if (Entries[index].ReadTag == page)
            {
                Reset(index);
            }
        }

        public void DropBelow(uint limit)
        {
            int count = CandidateCount;
            for (int i = 0; i < count; i++)
            {
                uint index = Candidate(i);
                if (Entries[index].ReadTag < limit)
                {
                    Reset(index);
                }
            }
        }

        public void WithdrawWrites(nint host)
        {
            int count = CandidateCount;
            for (int i = 0; i < count; i++)
            {
                TlbEntry* e = Entries + Candidate(i);
                if (e->WriteTag != TlbEntry.NoTag && (nint)e->WriteTag + e->Addend == host)
                {
                    e->WriteTag = TlbEntry.NoTag;
                }
            }
        }

        public void WithdrawAllWrites(TrialMappings mappings)
        {
            int count = CandidateCount;
            for (int i = 0; i < count; i++)
            {
                TlbEntry* e = Entries + Candidate(i);
                if (e->ReadTag != TlbEntry.NoTag)
                {
                    e->WriteTag = TlbEntry.NoTag;
                    mappings.Note((byte*)((nint)e->ReadTag + e->Addend));
                }
            }
        }

        /// <summary>Drops every mapping of a page that lies there.</summary>
        public void DropHost(nint host)
        {
            int count = CandidateCount;
            for (int i = 0; i < count; i++)
            {
                TlbEntry* e = Entries + Candidate(i);
                if (e->ReadTag != TlbEntry.NoTag && (nint)e->ReadTag + e->Addend == host)
                {
                    Reset(Candidate(i));
                }
            }
        }

        /// <summary>How many entries may hold something: those on the list, or all if it was too short.</summary>
        private int CandidateCount => _filledCount <= FilledListLength ? _filledCount : Mmu.Entries;

        private uint Candidate(int number) => _filledCount <= FilledListLength ? _filled[number] : (uint)number;

        private void Reset(uint index)
        {
            Entries[index].ReadTag = TlbEntry.NoTag;
            Entries[index].WriteTag = TlbEntry.NoTag;
            Writable[index] = TlbEntry.NoTag;
        }
    }
}
