// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Emulator.Lguest;
using LguestPlug.Emulator.Memory;
using LguestPlug.Emulator.Tests.HostComparison;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Tests.Translation;

/// <summary>Generated code's own walks through page tables against the system's: the same loads, stores, copies and fills on random tables.</summary>
public sealed class PageWalkerTests
{
    private const int Tables = 150, Accesses = 60;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Accesses_end_as_those_that_the_system_walks_for(bool pae)
    {
        Assert.SkipUnless(RuntimeInformation.ProcessArchitecture == Architecture.X64, "there is a translator on x86-64 only");
        var random = new SplitMix(20261122);
        long walks = 0, asked = 0;
        for (int n = 0; n < Tables; n++)
        {
            ulong seed = random.Next();
            using var own = new Machine(CpuExecution.Translator, pae, seed);
            using var systems = new Machine(CpuExecution.Interpreter, pae, seed);
            for (int k = 0; k < Accesses; k++)
            {
                ulong choice = random.Next();
                string expected = systems.Access(choice);
                string actual = own.Access(choice);
                Assert.True(expected == actual, $"tables {n}, access {k}: expected {expected}, got {actual}");
                if (systems.IsDead)
                {
                    break;
                }
            }

            Assert.True(systems.Memory.SequenceEqual(own.Memory), $"tables {n}: memory differs");
            walks += own.Walks;
            asked += own.Asked;
        }

        // Otherwise this has tested nothing.
        Assert.True(walks - asked > Tables, $"{walks} walks, {asked} by the system");
    }

    /// <summary>A CPU on random page tables of which one page holds the code.</summary>
    private sealed unsafe class Machine : CpuSystem, IDisposable
    {
        private const uint Pages = 512, Directory = 0x2000, Middle = 0x3000, Table = 0x4000, CodeTable = 0x5000, Code = 0x6000;
        private const uint CodeAddress = 0x00C00000, DataAddress = 0x00400000, DataPages = 16;
        private const ulong KernelCode = 0x00CFBB00_0000FFFF, KernelData = 0x00CFB300_0000FFFF, UserCode = 0x00CFFB00_0000FFFF, UserData = 0x00CFF300_0000FFFF;

        private const int CodeStep = 16;

        // Each followed by int3. The address is in EBX and EDI, another one in ESI.
        private static readonly (string Name, byte[] Code)[] s_accesses =
        [
            ("load", [0x8B, 0x03, 0xCC]), ("store", [0x89, 0x03, 0xCC]),
            ("copy of bytes", [0xF3, 0xA4, 0xCC]), ("copy of words", [0xF3, 0xA5, 0xCC]),
            ("fill of bytes", [0xF3, 0xAA, 0xCC]), ("fill of words", [0xF3, 0xAB, 0xCC]),
        ];

        private readonly byte* _memory = (byte*)NativeMemory.AlignedAlloc(Pages << 12, 4096);
        private readonly Cpu _cpu;
        private readonly AddressSpace _space;
        private readonly GuestDeath _death;
        private string _outcome = "";
        private bool _started;

        public Machine(CpuExecution execution, bool pae, ulong seed)
        {
            var memory = new PhysicalMemory((nint)_memory, Pages);
            var random = new SplitMix(seed);
            for (uint i = 0; i < Pages << 12; i += 8)
            {
                *(ulong*)(_memory + i) = random.Next();
            }

            foreach (uint page in (uint[])[Directory, Middle, Table, CodeTable, Code])
            {
                NativeMemory.Clear(_memory + page, 4096);
            }

            uint size = pae ? 8u : 4u;
            uint upper = pae ? Middle : Directory;
            int shift = pae ? 21 : 22;
            if (pae)
            {
                Put(Directory, 8, Middle | 1);
            }

            Put(upper + ((CodeAddress >> shift) * size), size, CodeTable | 0x67);
            Put(CodeTable, size, Code | 0x67);
            Put(upper + ((DataAddress >> shift) * size), size, Table | Flags(random.Next()));
            for (uint i = 0; i < DataPages; i++)
            {
                ulong choice = random.Next();
                // Seldom outside of memory.
                ulong page = choice >> 60 == 0 ? Pages : (choice >> 40) % (Pages - 16) + 16;
                Put(Table + (i * size), size, (page << 12) | Flags(random.Next()) | (pae && choice >> 56 > 200 ? 1ul << 63 : 0));
            }

            for (int n = 0; n < s_accesses.Length; n++)
            {
                s_accesses[n].Code.CopyTo(new Span<byte>(_memory + Code + (n * CodeStep), CodeStep));
            }

            _cpu = new Cpu(memory, this, execution);
            _death = new GuestDeath(_cpu.State);
            _space = new AddressSpace(memory, _death, pae ? PageTableFormat.Pae : PageTableFormat.TwoLevel);
            _space.Switch(Directory);
            _cpu.SetPageTables(_space.Tables);
        }

        public Span<byte> Memory => new(_memory, (int)Pages << 12);

        public long Walks => _cpu.MemoryStatistics.PageWalks;

        /// <summary>Walks that the system was asked to make.</summary>
        public long Asked { get; private set; }

        public bool IsDead => _death.IsDead;

        /// <summary>Loads, stores, copies or fills, as a user or not, somewhere; tells how that ended.</summary>
        public string Access(ulong choice)
        {
            bool user = (choice & 1) != 0;
            int access = (int)((choice >> 1) % 7 % (ulong)s_accesses.Length);
            uint offset = (choice & 0xC) == 0 ? 0xFFE : (uint)(choice >> 8) & 0xFFC;
            CpuState* s = _cpu.State;
            s->Registers[0] = 0x12345678;
            s->Registers[1] = (uint)(choice >> 20) & 0xFFF;
            s->Registers[3] = s->Registers[7] = DataAddress + ((uint)(choice >> 32) % DataPages << 12) + offset;
            s->Registers[6] = DataAddress + ((uint)(choice >> 40) % DataPages << 12) + ((uint)(choice >> 48) & 0xFFF);
            s->Eip = CodeAddress + (uint)(access * CodeStep);
            Set(SegmentRegister.Cs, user ? 0x23 : 0x61, user ? UserCode : KernelCode);
            foreach (SegmentRegister register in (SegmentRegister[])[SegmentRegister.Ds, SegmentRegister.Es, SegmentRegister.Ss])
            {
                Set(register, user ? 0x2B : 0x69, user ? UserData : KernelData);
            }

            _started = false;
            _outcome = "";
            _cpu.RequestAttention();
            _cpu.Run();
            return $"{(user ? "user" : "supervisor")} {s_accesses[access].Name} at {s->Registers[3]:x}: eax {s->Registers[0]:x} ecx {s->Registers[1]:x} "
                + $"esi {s->Registers[6]:x} edi {s->Registers[7]:x}, {_outcome}{_death.Reason}";
        }

        public void Dispose()
        {
            _cpu.Dispose();
            NativeMemory.AlignedFree(_memory);
        }

        public override WalkStatus Walk(uint address, PageAccess access, out PageWalk walk)
        {
            Asked++;
            return _space.Walk(address, access, out walk);
        }

        public override void OnTrap(in Trap trap)
        {
            _outcome = $"trap {trap.Vector} error {trap.ErrorCode} address {trap.Address:x} eip {_cpu.State->Eip:x}";
            _cpu.RequestAttention();
        }

        public override bool OnLimit()
        {
            bool first = !_started && !_death.IsDead;
            _started = true;
            _cpu.State->InstructionLimit = long.MaxValue;
            return first;
        }

        public override bool TryReadDescriptor(ushort selector, out ulong descriptor)
        {
            descriptor = 0;
            return false;
        }

        public override ulong ReadTimeStampCounter() => 0;

        public override void Cpuid(uint leaf, uint subleaf, out uint eax, out uint ebx, out uint ecx, out uint edx) =>
            eax = ebx = ecx = edx = 0;

        public override void ReadTableRegisters(
            out uint gdtBase, out ushort gdtLimit, out uint idtBase, out ushort idtLimit, out ushort ldt, out ushort tr, out uint machineStatus)
        {
            gdtBase = idtBase = machineStatus = 0;
            gdtLimit = idtLimit = ldt = tr = 0;
        }

        /// <summary>Mostly all that an access can need; now and then without one of them, or with what must not be set.</summary>
        private static uint Flags(ulong choice)
        {
            uint flags = 0x67;
            flags &= ~((uint)(choice >> 8) & (uint)(choice >> 16) & (uint)(choice >> 24) & 0x67);
            return (choice & 0xFF) < 6 ? flags | 0x80 : flags;
        }

        private void Put(uint address, uint size, ulong value)
        {
            *(uint*)(_memory + address) = (uint)value;
            if (size == 8)
            {
                *(uint*)(_memory + address + 4) = (uint)(value >> 32);
            }
        }

        private void Set(SegmentRegister register, int selector, ulong descriptor) =>
            _cpu.SetSegment(register, Segment.FromDescriptor((ushort)selector, descriptor));
    }
}
