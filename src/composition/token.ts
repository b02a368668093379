import 'reflect-metadata';
import type { DependencyContainer, InjectionToken } from 'tsyringe';

/** A name for a part of the program that carries the part's type: a wrong dependency is a compile error. */
export interface Token<Part> {
  readonly name: InjectionToken<Part>;
}

export function token<Part>(description: string): Token<Part> {
  return { name: Symbol(description) };
}

/** Gives the part of a token; makes it the first time. */
export type Get = <Part>(token: Token<Part>) => Part;

/** Says how a part is made. There is one of each in a container, made when it is first asked for. */
export function bind<Part>(container: DependencyContainer, { name }: Token<Part>, make: (get: Get) => Part): void {
  let made: { readonly part: Part } | undefined;
  container.register<Part>(name, {
    useFactory: (resolver) => {
      made ??= { part: make((wanted) => resolver.resolve(wanted.name)) };
      return made.part;
    },
  });
}

/** Gives a part that is there already. */
export function bindValue<Part>(container: DependencyContainer, { name }: Token<Part>, part: Part): void {
  container.register<Part>(name, { useValue: part });
}
