// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Hostile.Tests;

/// <summary>What a device, or the bus, must make of something a driver must not do.</summary>
internal enum Verdict
{
    /// <summary>It stops, and one line says which rule was broken where. A reset makes it serve again.</summary>
    Refused,

    /// <summary>The request comes back with the error that the device type has for it, or with nothing done.</summary>
    Answered,

    /// <summary>It does not matter: the request is served as if it were right.</summary>
    Served,
}

/// <summary>One thing that a driver must not do.</summary>
/// <typeparam name="TAttack">What it is done with.</typeparam>
/// <param name="Name">What the driver does.</param>
/// <param name="Verdict">What must come of it.</param>
/// <param name="Commit">Does it, and checks the answer, if there is to be one.</param>
/// <param name="Reason">Of what is refused, the reason that must be stated.</param>
internal sealed record HostileCase<TAttack>(string Name, Verdict Verdict, Action<TAttack> Commit, string Reason = "")
{
    public static HostileCase<TAttack> Refused(string name, string reason, Action<TAttack> commit) => new(name, Verdict.Refused, commit, reason);

    public static HostileCase<TAttack> Answered(string name, Action<TAttack> commit) => new(name, Verdict.Answered, commit);

    public static HostileCase<TAttack> Served(string name, Action<TAttack> commit) => new(name, Verdict.Served, commit);
}
