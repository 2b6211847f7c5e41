//! The example people, each with a role in a tenant of the examples.

/// Person who can log in. Nobody has a password.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) name: &'static str,
    /// Address, which is also the claim `sub`.
    pub(crate) email: &'static str,
    pub(crate) tenant: &'static str,
    pub(crate) role: &'static str,
}

/// All people, in the order of the login page.
pub(crate) const PEOPLE: [Person; 6] = [
    Person { name: "Anna Berg", email: "anna.berg@acme.example", tenant: "acme", role: "owner" },
    Person { name: "Ben Okafor", email: "ben.okafor@acme.example", tenant: "acme", role: "builder" },
    Person { name: "Chen Li", email: "chen.li@acme.example", tenant: "acme", role: "operator" },
    Person { name: "Vera Dorn", email: "vera.dorn@acme.example", tenant: "acme", role: "viewer" },
    Person { name: "Gus Gray", email: "gus.gray@globex.example", tenant: "globex", role: "owner" },
    Person { name: "Hana Sato", email: "hana.sato@globex.example", tenant: "globex", role: "viewer" },
];

/// Returns the person with an address.
pub(crate) fn find(email: &str) -> Option<&'static Person> {
    PEOPLE.iter().find(|person| person.email == email)
}
